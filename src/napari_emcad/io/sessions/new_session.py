"""New sessions on disk: a folder NAME.emcad is there once all of it is written."""

from collections.abc import Mapping
from pathlib import Path

from napari_emcad.core.errors import UserError
from napari_emcad.core.fragment_boxes import FragmentBoxes, find_fragment_boxes
from napari_emcad.core.progress import drive
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.core.volume import AffinityVolume
from napari_emcad.io.atomic import write_beside
from napari_emcad.io.chunk_checksums import CHUNK_CHECKSUMS, ChunkNumber, write_chunk_checksums
from napari_emcad.io.put_in_place import synchronise, synchronise_folder
from napari_emcad.io.sessions.affinity_files import write_affinities
from napari_emcad.io.sessions.box_files import write_boxes
from napari_emcad.io.sessions.facts import SessionFacts, write_facts
from napari_emcad.io.sessions.file_names import AFFINITIES, BOXES, EDITS, FRAGMENTS, GRAPH, LEVELS
from napari_emcad.io.sessions.open_session import OpenSession, open_session
from napari_emcad.io.sessions.seals import read_seals
from napari_emcad.io.sessions.segmentation_files import write_graph, write_levels_of_large, write_segmentation
from napari_emcad.io.write_errors import explain_write
from napari_emcad.proofreading.log import EditLog
from napari_emcad.proofreading.session import base_hash


def create_session(
    folder: Path, segmentation: Segmentation, affinities: AffinityVolume | None, facts: SessionFacts
) -> OpenSession:
    """Write a new session and open it; the folder is there once all of it is written.

    Parameters
    ----------
    folder : Path
        NAME.emcad; must not exist.
    segmentation : Segmentation
    affinities : AffinityVolume (3, z, y, x) uint8, or None
        Read by sections.
    facts : SessionFacts

    Raises
    ------
    UserError
        If the name is taken, the disk is full, or the folder's folder is missing or may not be written to.
    """
    folder = Path(folder)
    check_new(folder)
    with write_beside(folder, lambda _: segmentation.fragments.nbytes) as part:
        part.mkdir()
        write_segmentation(part, segmentation, facts.voxel_size)
        write_boxes(part, drive(find_fragment_boxes(segmentation.fragments)))
        if affinities is not None:
            write_affinities(part, affinities, facts.voxel_size)
        _write_log_and_facts(part, segmentation, facts)
    return open_session(folder)


def finish_session(
    folder: Path,
    segmentation: Segmentation,
    boxes: FragmentBoxes,
    facts: SessionFacts,
    known: Mapping[str, Mapping[ChunkNumber, int]],
) -> None:
    """Make a session of a folder that holds the fragments; it is one once `session.json`, the last, is there.

    `known` are checksums of chunks by the name of the array; others are computed.
    """
    write_graph(folder, segmentation)
    write_boxes(folder, boxes)
    write_levels_of_large(folder, facts.voxel_size, known.get(FRAGMENTS))
    if (folder / AFFINITIES).exists():
        write_chunk_checksums(folder / AFFINITIES, known.get(AFFINITIES))
    _bring_to_disk(folder)
    _write_log_and_facts(folder, segmentation, facts)


def _bring_to_disk(folder: Path) -> None:
    """Bring all that edits rely on to the disk before there is a log of them; what blocks have written is there."""
    try:
        checksums = [folder / name / CHUNK_CHECKSUMS for name in (FRAGMENTS, AFFINITIES)]
        for path in [*(folder / name for name in (GRAPH, BOXES, LEVELS)), *checksums]:
            if path.exists():
                synchronise(path)
        synchronise_folder(folder)
    except OSError as error:
        raise explain_write(error, folder, kept="finished blocks are kept") from error


def check_new(folder: Path) -> None:
    """Refuse a name that is taken: a session holds hours of work.

    Raises
    ------
    UserError
        If there is a file or folder of this name.
    """
    if folder.exists():
        raise UserError(f"{folder}: this name is taken; choose another name for the new session.")


def _write_log_and_facts(folder: Path, segmentation: Segmentation, facts: SessionFacts) -> None:
    EditLog(folder / EDITS).close()
    sealed = {"base_hash": base_hash(segmentation), "checksums": read_seals(folder)}
    write_facts(folder, facts.placed(folder).model_copy(update=sealed))

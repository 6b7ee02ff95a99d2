"""Names of the files and folders of a session, and of a run by blocks that becomes one.

In every session (NAME.emcad):

session.json     what was segmented, how, and the hash of the fragments
fragments.zarr   fragments as agglomeration made them; edits never change them here
coarser/         fragments in fewer pixels, if they are too many to be read when the session is opened
boxes/           bounding box of each fragment; found again if missing
colours/         colour of each neuron, once there were edits; others are shown if missing
graph/           region graph, merge tree and sizes: a file for each column
affinities.zarr  optional
                 (graph, boxes, colours: checksums.json, arrays: checksums.npy, the checksum of each file or chunk)
edits.db         edit log
edits.known      how many edits it must hold: a line for each that was acknowledged
replay.json      report on edits that were brought from another session, if any were

While somebody edits it:

lock             held by the program that may write
holder.json      person and machine that hold the lock

While a run by blocks is unfinished:

run.json         what is segmented, and how
sections.json    what a look at the sections has found, and the plan for them
local.zarr       fragments numbered in each block alone
blocks/          tables, one file for each step of each block
dashboard.txt    address of a page that shows the run
"""

FACTS_FILE = "session.json"
FRAGMENTS = "fragments.zarr"
LEVELS = "coarser"
BOXES = "boxes"
COLOURS = "colours"
GRAPH = "graph"
AFFINITIES = "affinities.zarr"
EDITS = "edits.db"
REPLAY_REPORT = "replay.json"

LOCK = "lock"
HOLDER = "holder.json"

RUN_FILE = "run.json"
FOUND_SECTIONS = "sections.json"
LOCAL = "local.zarr"
TABLES = "blocks"
DASHBOARD = "dashboard.txt"

EARLIER = ".npz"
"""End of the name of a table (graph, boxes) in format 1: all columns in one file, which is read whole."""

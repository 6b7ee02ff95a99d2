"""Metadata of the voxels in files: voxel size, place, and a record of where they come from."""

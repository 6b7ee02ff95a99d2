"""What files say about their voxels: voxel size, place, and a record of where they come from."""

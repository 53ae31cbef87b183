"""The declarations of all blocks, one file a family; `seqstudio.blocks.catalogue` lists them."""

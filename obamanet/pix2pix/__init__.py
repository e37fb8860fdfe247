"""The pix2pix tools: train, test, compare and export on folders of A|B pictures, and prepare such folders."""

"""From a pool of web images to shards of human images, on an existing distributed engine."""

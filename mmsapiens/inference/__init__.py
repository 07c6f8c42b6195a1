"""From photographs and videos to files; nothing here imports torch or a host before it is used."""

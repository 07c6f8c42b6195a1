"""What ``mmsapiens doctor`` looks at: one module per kind of question."""

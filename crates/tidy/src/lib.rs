//! The architecture as tests: see `tests/it`. There is no code here.

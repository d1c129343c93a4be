//! Sorting of more records than memory should hold.
//!
//! Records gather in one buffer; when it is full they are sorted and go to a temporary file without
//! a name, which no crash can leave behind. At the end all runs are merged. Equal records come out
//! once, so that the result depends on the set of records and not on how often or when they came.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// Bytes of records held in memory.
const BUFFER: usize = 24 << 20;
/// Bytes of read buffer per run while merging.
const READ_BUFFER: usize = 64 << 10;

/// A key and what belongs to it.
pub(crate) type Record = (Vec<u8>, Vec<u8>);

/// Gathers records.
pub(crate) struct Runs {
    directory: PathBuf,
    limit: usize,
    bytes: Vec<u8>,
    /// Where each record begins in `bytes`, and the lengths of its key and value.
    index: Vec<(u32, u32, u32)>,
    files: Vec<File>,
}

impl Runs {
    pub(crate) fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            limit: BUFFER,
            bytes: Vec::new(),
            index: Vec::new(),
            files: Vec::new(),
        }
    }

    #[cfg(test)]
    fn with_limit(directory: &Path, limit: usize) -> Self {
        Self {
            limit,
            ..Self::new(directory)
        }
    }

    /// Adds a record. Keys and values must be shorter than 4 GiB.
    pub(crate) fn add(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        let size = key.len() + value.len();
        // An index entry is twelve bytes: they count too.
        let held = self.bytes.len() + self.index.len() * 12;
        if !self.index.is_empty() && held + size > self.limit {
            self.spill()?;
        }
        let too_large = |_| io::Error::from(io::ErrorKind::FileTooLarge);
        let entry = (
            u32::try_from(self.bytes.len()).map_err(too_large)?,
            u32::try_from(key.len()).map_err(too_large)?,
            u32::try_from(value.len()).map_err(too_large)?,
        );
        self.index.push(entry);
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        Ok(())
    }

    /// All records in order, equal ones once.
    pub(crate) fn merge(mut self) -> io::Result<Merge> {
        if !self.files.is_empty() && !self.index.is_empty() {
            self.spill()?;
        }
        self.sort();
        let mut sources = Vec::new();
        for mut file in self.files {
            file.seek(SeekFrom::Start(0))?;
            sources.push(Source::File(BufReader::with_capacity(READ_BUFFER, file)));
        }
        if !self.index.is_empty() {
            sources.push(Source::Memory {
                bytes: self.bytes,
                index: self.index.into_iter(),
            });
        }
        let mut merge = Merge {
            sources,
            heap: BinaryHeap::new(),
        };
        for source in 0..merge.sources.len() {
            merge.advance(source)?;
        }
        Ok(merge)
    }

    fn sort(&mut self) {
        let bytes = &self.bytes;
        self.index
            .sort_unstable_by(|a, b| slices(bytes, *a).cmp(&slices(bytes, *b)));
    }

    fn spill(&mut self) -> io::Result<()> {
        self.sort();
        let mut out =
            BufWriter::with_capacity(READ_BUFFER, tempfile::tempfile_in(&self.directory)?);
        for entry in &self.index {
            let (key, value) = slices(&self.bytes, *entry);
            out.write_all(&entry.1.to_le_bytes())?;
            out.write_all(&entry.2.to_le_bytes())?;
            out.write_all(key)?;
            out.write_all(value)?;
        }
        self.files
            .push(out.into_inner().map_err(io::IntoInnerError::into_error)?);
        self.bytes.clear();
        self.index.clear();
        Ok(())
    }
}

fn slices(bytes: &[u8], (start, key, value): (u32, u32, u32)) -> (&[u8], &[u8]) {
    let (start, key, value) = (start as usize, key as usize, value as usize);
    let rest = bytes.get(start..).unwrap_or_default();
    let (key, rest) = rest.split_at_checked(key).unwrap_or_default();
    (key, rest.get(..value).unwrap_or_default())
}

enum Source {
    Memory {
        bytes: Vec<u8>,
        index: std::vec::IntoIter<(u32, u32, u32)>,
    },
    File(BufReader<File>),
}

impl Source {
    fn next(&mut self) -> io::Result<Option<Record>> {
        match self {
            Self::Memory { bytes, index } => Ok(index.next().map(|entry| {
                let (key, value) = slices(bytes, entry);
                (key.to_vec(), value.to_vec())
            })),
            Self::File(file) => {
                if io::BufRead::fill_buf(file)?.is_empty() {
                    return Ok(None);
                }
                let mut lengths = [0; 8];
                file.read_exact(&mut lengths)?;
                let [a, b, c, d, e, f, g, h] = lengths;
                let mut key = vec![0; u32::from_le_bytes([a, b, c, d]) as usize];
                let mut value = vec![0; u32::from_le_bytes([e, f, g, h]) as usize];
                file.read_exact(&mut key)?;
                file.read_exact(&mut value)?;
                Ok(Some((key, value)))
            }
        }
    }
}

/// Records of several sorted runs in one order.
pub(crate) struct Merge {
    sources: Vec<Source>,
    heap: BinaryHeap<Reverse<(Record, usize)>>,
}

impl Merge {
    fn advance(&mut self, source: usize) -> io::Result<()> {
        if let Some(from) = self.sources.get_mut(source)
            && let Some(record) = from.next()?
        {
            self.heap.push(Reverse((record, source)));
        }
        Ok(())
    }

    /// The next record, if there is one.
    pub(crate) fn next(&mut self) -> io::Result<Option<Record>> {
        let Some(Reverse((record, source))) = self.heap.pop() else {
            return Ok(None);
        };
        self.advance(source)?;
        while let Some(Reverse((same, source))) = self.heap.peek()
            && *same == record
        {
            let source = *source;
            self.heap.pop();
            self.advance(source)?;
        }
        Ok(Some(record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spilled_runs_come_back_sorted_and_without_doubles() {
        let directory = tempfile::tempdir().unwrap();
        for limit in [1, 100, 1 << 20] {
            let mut runs = Runs::with_limit(directory.path(), limit);
            for number in 0..500_u32 {
                let key = (number * 7919 % 250).to_be_bytes();
                runs.add(&key, b"value").unwrap();
            }
            let mut merge = runs.merge().unwrap();
            for number in 0..250_u32 {
                let record = merge.next().unwrap().unwrap();
                assert_eq!(record, (number.to_be_bytes().to_vec(), b"value".to_vec()));
            }
            assert!(merge.next().unwrap().is_none());
            assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        }
    }
}

//! Passwords that became known in a breach: a file that the operator provides, looked up on disk.
//!
//! The file is Pwned Passwords as the downloader of Have I Been Pwned writes it in one piece: a line for each password, `SHA-1:count`,
//! ordered by the hash (40 hex digits). SHA-1 is the format's; nothing is protected by it here. The file stays on disk whatever its size:
//! one look takes some forty reads of a line.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use crate::clock::hex;

/// Hex digits of a hash.
const HASH_DIGITS: usize = 40;

/// Bytes of a line with its end, at most: the hash, a colon, a count of 64 bits, CR and LF.
const LINE_BYTES_MAX: usize = HASH_DIGITS + 1 + 20 + 2;

/// The hashes of breached passwords.
#[derive(Debug)]
pub struct BreachedPasswords {
    file: File,
    length: u64,
}

impl BreachedPasswords {
    /// Opens the file, and makes sure that its first and last lines are what they have to be.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let breached = Self { file, length };
        let first = breached.line_from(0)?;
        let last = breached.line_from(length.saturating_sub(LINE_BYTES_MAX as u64))?;
        match (first, last) {
            (Some(first), Some(last)) if first.hash <= last.hash => Ok(breached),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "its lines are not `SHA-1:count`, ordered by the hash; see Pwned Passwords of Have I Been Pwned",
            )),
        }
    }

    /// Whether the password is in the file.
    pub fn contains(&self, password: &str) -> io::Result<bool> {
        let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
        let wanted = hex(digest.as_ref()).to_ascii_uppercase();
        // The line that is looked for begins at or behind `from` and before `to`.
        let (mut from, mut to) = (0, self.length);
        while from < to {
            let middle = from + (to - from) / 2;
            let Some(line) = self.line_from(middle)? else {
                to = middle;
                continue;
            };
            match wanted.cmp(&line.hash) {
                std::cmp::Ordering::Equal => return Ok(true),
                std::cmp::Ordering::Less => to = middle,
                std::cmp::Ordering::Greater => from = line.end,
            }
        }
        Ok(false)
    }

    /// The first line that begins at `offset` or behind it.
    fn line_from(&self, offset: u64) -> io::Result<Option<Line>> {
        // One byte earlier, to see whether a line begins here; two lines, because it may begin in the middle of one.
        let start = offset.saturating_sub(1);
        let mut buffer = [0; 2 * LINE_BYTES_MAX + 1];
        let length = self.read(&mut buffer, start)?;
        let bytes = buffer.get(..length).unwrap_or_default();
        let skipped = if offset == 0 {
            0
        } else {
            match bytes.iter().position(|byte| *byte == b'\n') {
                Some(end) => end + 1,
                None => return Ok(None),
            }
        };
        let rest = bytes.get(skipped..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(None);
        }
        let length = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(rest.len(), |end| end + 1);
        let hash = rest.get(..HASH_DIGITS).and_then(hash);
        let is_whole = length <= LINE_BYTES_MAX && matches!(rest.get(HASH_DIGITS), None | Some(b':' | b'\r' | b'\n'));
        let hash = hash.filter(|_| is_whole).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("no line `SHA-1:count` behind byte {offset}"),
            )
        })?;
        let begin = start + skipped as u64;
        Ok(Some(Line {
            hash,
            end: begin + length as u64,
        }))
    }

    fn read(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut length = 0;
        while let Some(rest) = buffer.get_mut(length..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, offset + length as u64) {
                // A file that has become shorter says nothing about what it had.
                Ok(0) if offset + (length as u64) < self.length => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(0) => break,
                Ok(count) => length += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(length)
    }
}

/// One line of the file.
struct Line {
    /// In upper case.
    hash: String,
    /// Where the next one begins.
    end: u64,
}

fn hash(digits: &[u8]) -> Option<String> {
    let is_hash = digits.iter().all(u8::is_ascii_hexdigit);
    is_hash.then(|| String::from_utf8_lossy(digits).to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::io::Write as _;

    use super::*;

    fn sha1(password: &str) -> String {
        hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes()).as_ref()).to_ascii_uppercase()
    }

    fn file(lines: &[String], end: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        for line in lines {
            write!(file, "{line}{end}").unwrap();
        }
        file
    }

    #[test]
    fn every_password_of_the_file_is_found_and_no_other() {
        for (count, end) in [(1, "\n"), (2, "\r\n"), (3, "\n"), (500, "\r\n"), (501, "\n")] {
            let mut lines: Vec<String> = (0..count)
                .map(|number| format!("{}:{}", sha1(&format!("breached {number}")), 7_u64.pow(number % 20)))
                .collect();
            lines.sort();
            let file = file(&lines, end);
            let breached = BreachedPasswords::open(file.path()).unwrap();
            for number in 0..count {
                assert!(
                    breached.contains(&format!("breached {number}")).unwrap(),
                    "{number} of {count}"
                );
                assert!(
                    !breached.contains(&format!("unknown {number}")).unwrap(),
                    "{number} of {count}"
                );
            }
        }
    }

    #[test]
    fn a_file_that_has_become_shorter_says_nothing() {
        let lines = [format!("{}:1", sha1("breached")), format!("{}:1", "F".repeat(40))];
        let file = file(&lines, "\n");
        let breached = BreachedPasswords::open(file.path()).unwrap();
        file.as_file().set_len(0).unwrap();
        assert!(breached.contains("breached").is_err());
    }

    #[test]
    fn the_hash_is_the_one_that_everybody_knows() {
        assert_eq!(sha1("password"), "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8");
    }

    #[test]
    fn a_file_of_something_else_is_refused_when_it_is_opened() {
        let (low, high) = ("0".repeat(40), "F".repeat(40));
        for lines in [
            vec![],
            vec!["password".to_owned()],
            vec![format!("{high}:1"), format!("{low}:1")],
            vec!["0".repeat(200)],
            vec![format!("{low}{low}:1")],
        ] {
            let file = file(&lines, "\n");
            assert!(BreachedPasswords::open(file.path()).is_err(), "{lines:?}");
        }
    }
}

//! What a machine has to have for some faults: a disk that can be full, a clock that can be set.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

/// Room for the stores of one instance.
const DISK_MIB: usize = 512;
/// What a disk is filled with at a time.
const FILL_BYTES: usize = 1 << 20;
/// Where Debian and its relatives install libfaketime.
const LIBRARIES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
];

/// A file system in memory that can be filled. Dropping it takes it away.
#[derive(Debug)]
pub(super) struct SmallDisk {
    directory: PathBuf,
}

impl SmallDisk {
    /// Puts one at this directory. The error says why that cannot be.
    pub(super) fn mount(directory: &Path) -> Result<Self, String> {
        std::fs::create_dir_all(directory).map_err(|error| error.to_string())?;
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={DISK_MIB}m"), "sluice-small-disk"])
            .arg(directory)
            .output();
        match mounted {
            Ok(output) if output.status.success() => Ok(Self {
                directory: directory.to_path_buf(),
            }),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Err(format!("mount: {error}")),
        }
    }

    /// Leaves no room.
    pub(super) fn fill(&self) -> anyhow::Result<()> {
        let mut filler = File::create(self.filler())?;
        let filling = vec![0; FILL_BYTES];
        loop {
            match filler.write_all(&filling) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error).context("the small disk cannot be filled"),
            }
        }
    }

    /// Gives the room back.
    pub(super) fn clear(&self) -> anyhow::Result<()> {
        match std::fs::remove_file(self.filler()) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn filler(&self) -> PathBuf {
        self.directory.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that is about to die may still have a file open.
        drop(Command::new("umount").arg("-l").arg(&self.directory).status());
    }
}

/// A clock of one process that is ahead or behind, by libfaketime. What measures time that passes is left alone.
#[derive(Debug)]
pub(super) struct FakeClock {
    library: &'static str,
    file: PathBuf,
}

impl FakeClock {
    /// A clock that is right at first. The error says what is missing.
    pub(super) fn new(directory: &Path) -> Result<Self, String> {
        let library = LIBRARIES.into_iter().find(|library| Path::new(library).exists());
        let library = library.ok_or("libfaketime is not installed (apt-get install libfaketime)")?;
        let clock = Self {
            library,
            file: directory.join("clock"),
        };
        clock.set(0).map_err(|error| error.to_string())?;
        Ok(clock)
    }

    /// So many seconds ahead of the machine's clock.
    pub(super) fn set(&self, seconds: i64) -> anyhow::Result<()> {
        Ok(std::fs::write(&self.file, format!("{seconds:+}\n"))?)
    }

    /// With these variables a process has this clock.
    pub(super) fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("LD_PRELOAD", self.library.to_owned()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_CACHE_DURATION", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }
}

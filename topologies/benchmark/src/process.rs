//! The parent's end of a measured process.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::str::FromStr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::broker::Broker;
use crate::child::ChildOptions;
use crate::usage::{peak_memory, processor_time};

/// How far a measured process is: one line of its output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Records whose effects are committed.
    pub(crate) processed: u64,
    /// Changelog records replayed by restores that have ended.
    pub(crate) restored: u64,
    /// Tasks that are being restored.
    pub(crate) restoring: usize,
    /// Tasks that run.
    pub(crate) running: usize,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {} {}",
            self.processed, self.restored, self.restoring, self.running
        )
    }
}

impl FromStr for Progress {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> Result<Self> {
        let fields: Vec<u64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        let [processed, restored, restoring, running] = fields.as_slice() else {
            bail!("not a progress line: {line}");
        };
        let (restoring, running) = (usize::try_from(*restoring)?, usize::try_from(*running)?);
        Ok(Self {
            processed: *processed,
            restored: *restored,
            restoring,
            running,
        })
    }
}

/// One look at a measured process and its broker.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) at: Instant,
    pub(crate) progress: Progress,
    /// Processor time of the measured process.
    pub(crate) own: Duration,
    /// Processor time of the broker.
    pub(crate) broker: Duration,
}

/// What happened between two looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    pub(crate) time: Duration,
    pub(crate) records: u64,
    /// Processor time of the measured process.
    pub(crate) own: Duration,
    /// Processor time of the broker.
    pub(crate) broker: Duration,
}

impl Sample {
    /// What happened since an earlier look.
    pub(crate) fn since(&self, earlier: &Sample) -> Spent {
        Spent {
            time: self.at.saturating_duration_since(earlier.at),
            records: self.progress.processed.saturating_sub(earlier.progress.processed),
            own: self.own.saturating_sub(earlier.own),
            broker: self.broker.saturating_sub(earlier.broker),
        }
    }
}

/// A measured process.
pub(crate) struct Measured {
    child: Child,
    latest: Arc<Latest>,
    broker: u32,
    started: Sample,
}

impl Measured {
    /// Starts it. Both processor times of the first sample count from before the start.
    pub(crate) fn start(broker: &Broker, options: &ChildOptions) -> Result<Self> {
        let shape = options.shape.to_possible_value().context("a shape without a name")?;
        let started = Sample {
            at: Instant::now(),
            progress: Progress::default(),
            own: Duration::ZERO,
            broker: processor_time(broker.pid())?,
        };
        let mut child = Command::new(std::env::current_exe()?)
            .args(["child", "--bootstrap", &options.bootstrap, "--shape", shape.get_name()])
            .args(["--source", &options.source, "--application", &options.application])
            .args(["--threads", &options.threads.to_string(), "--state"])
            .arg(&options.state)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (latest, listening) = (Arc::<Latest>::default(), child.stdout.take().context("no output")?);
        let listener = Arc::clone(&latest);
        std::thread::spawn(move || listener.listen(listening));
        Ok(Self {
            child,
            latest,
            broker: broker.pid(),
            started,
        })
    }

    /// From before the process was started.
    pub(crate) fn started(&self) -> Sample {
        self.started
    }

    /// The first look from now on at which `is_reached` holds.
    pub(crate) fn sample_when(&self, is_reached: impl Fn(&Progress) -> bool) -> Result<Sample> {
        let progress = self
            .latest
            .wait_until(is_reached)
            .context("the measured process has ended by itself")?;
        Ok(Sample {
            at: Instant::now(),
            progress,
            own: processor_time(self.child.id())?,
            broker: processor_time(self.broker)?,
        })
    }

    /// A look now.
    pub(crate) fn sample(&self) -> Result<Sample> {
        self.sample_when(|_| true)
    }

    /// Largest resident memory so far, in bytes.
    pub(crate) fn peak_memory(&self) -> Result<u64> {
        peak_memory(self.child.id())
    }

    /// Stops it in order.
    pub(crate) fn stop(mut self) -> Result<()> {
        drop(self.child.stdin.take());
        let status = self.child.wait()?;
        if !status.success() {
            bail!("the measured process failed: {status}");
        }
        Ok(())
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        // After an orderly stop both answer that there is nothing left to do.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What the process said last.
#[derive(Default)]
struct Latest {
    heard: Mutex<Heard>,
    changed: Condvar,
}

#[derive(Default)]
struct Heard {
    progress: Progress,
    is_over: bool,
}

impl Latest {
    fn listen(&self, output: ChildStdout) {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if let Ok(progress) = line.parse() {
                self.heard().progress = progress;
                self.changed.notify_all();
            }
        }
        self.heard().is_over = true;
        self.changed.notify_all();
    }

    fn wait_until(&self, is_reached: impl Fn(&Progress) -> bool) -> Option<Progress> {
        let mut heard = self.heard();
        while !is_reached(&heard.progress) {
            if heard.is_over {
                return None;
            }
            heard = self.changed.wait(heard).unwrap_or_else(PoisonError::into_inner);
        }
        Some(heard.progress)
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn progress_reads_back_as_it_was_written() {
        let progress = Progress {
            processed: 7,
            restored: 0,
            restoring: 2,
            running: 4,
        };
        assert_eq!(progress.to_string().parse::<Progress>().unwrap(), progress);
        assert!("7 0 2".parse::<Progress>().is_err());
    }
}

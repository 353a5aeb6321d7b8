//! How each fault is made, and unmade.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use super::fault::Fault;
use super::field::{EDGE_SIDE, Field, INSTANCES, WITH_CLOCK, WITH_SMALL_DISK};
use super::plan::Strike;
use super::terrain::SmallDisk;
use crate::cluster::NODES;
use crate::proxy::{Flow, Link};
use crate::random::Random;
use crate::stack::Part;

/// The topic whose leader is killed.
const LED: &str = "order-commands";
/// A guest comes so often, and stays so long.
const VISITS: usize = 3;
const VISIT: Duration = Duration::from_secs(3);
/// So often do all connections break, with this time in between.
const RESETS: usize = 8;
const RESET_EVERY: Duration = Duration::from_millis(250);
/// A slow line.
const SLOW: Flow = Flow::Slow {
    delay: Duration::from_millis(60),
    bytes_per_second: 400_000,
};
const CLOCK_SECONDS: i64 = 3_600;

impl Field {
    /// Makes a fault. Answers whom it has hit: an instance, a broker, or a file's place, counted from 0.
    pub(super) fn strike(&mut self, strike: Strike, random: &mut Random) -> anyhow::Result<usize> {
        let instance = random.below(INSTANCES);
        let node = random.below(NODES);
        let victim = match strike.fault {
            Fault::KillLeader => self.cluster.leader_of(LED, 0).unwrap_or(node),
            Fault::KillController => self.cluster.controller().unwrap_or(node),
            Fault::PauseBroker | Fault::CutPeers => node,
            Fault::CutEdge | Fault::KillEdge => EDGE_SIDE,
            Fault::DiskFull => WITH_SMALL_DISK,
            Fault::ClockForward | Fault::ClockBack => WITH_CLOCK,
            _ => instance,
        };
        match strike.fault {
            Fault::KillInstance => self.kill(victim)?,
            Fault::KillAllInstances => (0..INSTANCES).try_for_each(|instance| self.kill(instance))?,
            Fault::KillEdge => {
                self.edge_is_down = true;
                self.edge.sluice.kill_9()?;
            }
            Fault::PauseInstance => self.freeze(victim, true)?,
            Fault::RebalanceStorm => self.receive_guests()?,
            Fault::RollingUpgrade => (0..INSTANCES).try_for_each(|instance| self.replace(instance))?,
            Fault::KillLeader | Fault::KillController => self.cluster.kill_9(victim)?,
            Fault::PauseBroker => self.cluster.freeze(victim, true)?,
            Fault::CutInstance | Fault::CutAnswers | Fault::CutRequests | Fault::CutEdge | Fault::SlowLink => {
                self.link(victim, link_of(strike.fault));
            }
            Fault::CutPeers => self.peers(victim, link_of(strike.fault)),
            Fault::ResetConnections => self.reset()?,
            Fault::DiskFull => self.disk.as_ref().map_or(Ok(()), SmallDisk::fill)?,
            Fault::DamagedStore => {
                self.kill(victim)?;
                self.damage(victim, random)?;
            }
            Fault::ClockForward => self.set_clock(CLOCK_SECONDS)?,
            Fault::ClockBack => self.set_clock(-CLOCK_SECONDS)?,
            Fault::RedisDown => self.stack.kill_9(Part::Redis)?,
            Fault::RegistryDown => self.stack.kill_9(Part::Registry)?,
        }
        Ok(victim)
    }

    /// Unmakes a fault. What ended meanwhile is started again.
    pub(super) fn heal(&mut self, strike: Strike, victim: usize) -> anyhow::Result<()> {
        match strike.fault {
            Fault::KillInstance | Fault::DamagedStore => self.revive(victim),
            Fault::KillAllInstances => (0..INSTANCES).try_for_each(|instance| self.revive(instance)),
            Fault::KillEdge => {
                self.edge_is_down = false;
                self.edge.sluice.start()
            }
            Fault::PauseInstance => self.freeze(victim, false),
            Fault::RebalanceStorm | Fault::RollingUpgrade | Fault::ResetConnections => Ok(()),
            Fault::KillLeader | Fault::KillController => self.cluster.revive(victim),
            Fault::PauseBroker => self.cluster.freeze(victim, false),
            Fault::CutInstance | Fault::CutAnswers | Fault::CutRequests | Fault::CutEdge | Fault::SlowLink => {
                self.link(victim, Link::default());
                Ok(())
            }
            Fault::CutPeers => {
                self.peers(victim, Link::default());
                Ok(())
            }
            Fault::DiskFull => self.disk.as_ref().map_or(Ok(()), SmallDisk::clear),
            Fault::ClockForward | Fault::ClockBack => self.set_clock(0),
            Fault::RedisDown => self.stack.revive(Part::Redis),
            Fault::RegistryDown => self.stack.revive(Part::Registry),
        }
    }

    fn kill(&mut self, instance: usize) -> anyhow::Result<()> {
        self.down.insert(instance);
        let server = self.instances.get_mut(instance).context("there is no such instance")?;
        server.sluice.kill_9()
    }

    fn revive(&mut self, instance: usize) -> anyhow::Result<()> {
        self.down.remove(&instance);
        let server = self.instances.get_mut(instance).context("there is no such instance")?;
        server.sluice.start()
    }

    /// An instance that has ended meanwhile does not hang any more.
    fn freeze(&mut self, instance: usize, frozen: bool) -> anyhow::Result<()> {
        let server = self.instances.get_mut(instance).context("there is no such instance")?;
        if server.sluice.is_running() {
            server.sluice.freeze(frozen)?;
        }
        Ok(())
    }

    /// Ends an instance and starts it again as the other build, where there is one.
    fn replace(&mut self, instance: usize) -> anyhow::Result<()> {
        self.down.insert(instance);
        let server = self.instances.get_mut(instance).context("there is no such instance")?;
        Self::end(&mut server.sluice)?;
        server.sluice.change_build(self.earlier.as_deref());
        server.start()?;
        self.down.remove(&instance);
        Ok(())
    }

    fn receive_guests(&mut self) -> anyhow::Result<()> {
        for _ in 0..VISITS {
            self.guest.sluice.start()?;
            self.watch(VISIT)?;
            Self::end(&mut self.guest.sluice)?;
        }
        Ok(())
    }

    fn link(&self, side: usize, link: Link) {
        self.cluster.links_of(side).for_each(|proxy| proxy.set(link));
    }

    fn peers(&self, node: usize, link: Link) {
        if let Some(proxy) = self.cluster.peers_of(node) {
            proxy.set(link);
        }
    }

    fn reset(&mut self) -> anyhow::Result<()> {
        for _ in 0..RESETS {
            for side in 0..=EDGE_SIDE {
                self.cluster.links_of(side).for_each(crate::proxy::Proxy::reset);
            }
            self.watch(RESET_EVERY)?;
        }
        Ok(())
    }

    fn set_clock(&self, seconds: i64) -> anyhow::Result<()> {
        self.clock.as_ref().map_or(Ok(()), |clock| clock.set(seconds))
    }

    /// Damages one file of a store below an instance's state.
    fn damage(&mut self, instance: usize, random: &mut Random) -> anyhow::Result<()> {
        let state = self
            .instances
            .get(instance)
            .context("there is no such instance")?
            .state();
        let mut files = Vec::new();
        collect(&state.join("state"), &mut files)?;
        files.sort();
        let Some(file) = random.pick(&files) else {
            return Ok(());
        };
        self.damaged.extend(file.parent().map(Path::to_path_buf));
        let mut bytes = std::fs::read(file)?;
        match random.below(3) {
            0 => std::fs::remove_file(file)?,
            1 => {
                bytes.truncate(bytes.len() / 2);
                std::fs::write(file, bytes)?;
            }
            _ => {
                let at = random.below(bytes.len());
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 0x10;
                }
                std::fs::write(file, bytes)?;
            }
        }
        Ok(())
    }
}

fn link_of(fault: Fault) -> Link {
    let (requests, answers) = match fault {
        Fault::CutAnswers => (Flow::Open, Flow::Stopped),
        Fault::CutRequests => (Flow::Stopped, Flow::Open),
        Fault::SlowLink => (SLOW, SLOW),
        _ => (Flow::Stopped, Flow::Stopped),
    };
    Link { requests, answers }
}

/// Files that `RocksDB` cannot do without: tables, logs of writes, lists of tables, and the name of the newest list.
fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_table_or_log = path.extension().is_some_and(|kind| kind == "sst" || kind == "log");
        if path.is_dir() {
            collect(&path, files)?;
        } else if is_table_or_log || name == "CURRENT" || name.starts_with("MANIFEST-") {
            files.push(path);
        }
    }
    Ok(())
}

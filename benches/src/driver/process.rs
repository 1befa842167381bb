//! Processes of this bench, and what `/proc` says of them.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Outcome;

/// A process in which so little happens in a second is at rest.
const REST: Duration = Duration::from_millis(20);
/// How long is waited for that.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a clock tick is on Linux, whatever the kernel's own is.
pub const TICK: Duration = Duration::from_millis(10);

/// A process that is killed when it is dropped.
pub struct Process {
    child: Child,
}

/// What a process has cost so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// User and system time of all its threads.
    pub cpu: Duration,
    /// What it holds in memory now, in bytes.
    pub memory: u64,
}

impl Process {
    /// Starts it; what it says goes to `log`.
    pub fn start(command: &mut Command, log: &Path) -> Outcome<Self> {
        let file = File::create(log)?;
        let child = command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).spawn();
        let child = child.map_err(|error| format!("{command:?} does not start: {error}"))?;
        Ok(Self { child })
    }

    /// Starts one that says `READY` on a line of standard output, and gives that line.
    pub fn start_until_ready(command: &mut Command) -> Outcome<(Self, String)> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take();
        let process = Self { child };
        let mut line = String::new();
        if let Some(output) = output {
            BufReader::new(output).read_line(&mut line)?;
        }
        if !line.starts_with("READY") {
            return Err(format!("{command:?} did not become ready").into());
        }
        Ok((process, line))
    }

    /// Fails if it has ended by itself.
    pub fn check(&mut self) -> Outcome<()> {
        match self.child.try_wait()? {
            Some(status) => Err(format!("it ended by itself: {status}").into()),
            None => Ok(()),
        }
    }

    /// What it has cost so far.
    pub fn cost(&self) -> Outcome<Cost> {
        Cost::of(&self.child.id().to_string())
    }

    /// Waits until it does no more work, and gives what it has cost until then.
    pub async fn at_rest(&mut self) -> Outcome<Cost> {
        let start = Instant::now();
        let mut before = self.cost()?;
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.check()?;
            let now = self.cost()?;
            if now.cpu.saturating_sub(before.cpu) <= REST || start.elapsed() > PATIENCE {
                return Ok(now);
            }
            before = now;
        }
    }
}

impl Cost {
    /// What the process with this number has cost so far; `self` is this one.
    pub fn of(process: &str) -> Outcome<Self> {
        let folder = Path::new("/proc").join(process);
        let stat = fs::read_to_string(folder.join("stat"))?;
        let memory = fs::read_to_string(folder.join("smaps_rollup"))?;
        Ok(Self {
            cpu: cpu(&stat).ok_or("/proc/…/stat is not understood")?,
            memory: resident(&memory).ok_or("/proc/…/smaps_rollup is not understood")?,
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Fields 14 and 15; field 2 is a name that may hold spaces.
fn cpu(stat: &str) -> Option<Duration> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<u32>().ok();
    Some(TICK * (ticks(11)? + ticks(12)?))
}

fn resident(rollup: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_read_whatever_the_name_of_the_process() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 9 0 0 0 250 50 0 0 20 0 4 0 100 5 6";
        assert_eq!(cpu(stat), Some(Duration::from_secs(3)));
        assert_eq!(resident("1-2 ---p\nRss:     12 kB\nPss:  1 kB\n"), Some(12 * 1024));
    }
}

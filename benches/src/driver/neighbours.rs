//! What else the machine was busy with: a measurement beside others' work tells less.

use std::fs;
use std::time::{Duration, Instant};

use super::process::{Cost, Process, TICK};
use crate::Outcome;

/// With so little of a machine in use, it counts as quiet.
const QUIET: f64 = 0.15;

/// The machine's CPU time, and that of some processes, at one moment.
pub struct Snapshot {
    busy: Duration,
    idle: Duration,
    own: Duration,
}

impl Snapshot {
    /// Takes one. `own` are the processes that belong to the measurement, beside this one.
    pub fn take(own: &[&Process]) -> Outcome<Self> {
        let (busy, idle) = machine()?;
        let mut sum = Cost::of("self")?.cpu;
        for process in own {
            sum += process.cost()?.cpu;
        }
        Ok(Self { busy, idle, own: sum })
    }

    /// What the processes of the measurement used until `later`.
    pub fn own(&self, later: &Self) -> Duration {
        later.own.saturating_sub(self.own)
    }

    /// The share of the machine, in percent, that went to others until `later`.
    pub fn others(&self, later: &Self) -> f64 {
        let busy = later.busy.saturating_sub(self.busy);
        let all = busy + later.idle.saturating_sub(self.idle);
        let others = busy.saturating_sub(self.own(later));
        100.0 * others.as_secs_f64() / all.as_secs_f64().max(0.01)
    }
}

/// Waits, so long at most, until the machine has been quiet for some seconds.
pub async fn until_quiet(patience: Duration) -> Outcome<()> {
    let (start, mut quiet) = (Instant::now(), 0);
    while quiet < 3 && start.elapsed() < patience {
        let (busy, idle) = machine()?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = machine()?;
        let (busy, idle) = (now.0.saturating_sub(busy), now.1.saturating_sub(idle));
        let is_quiet = busy.as_secs_f64() <= QUIET * (busy + idle).as_secs_f64();
        quiet = if is_quiet { quiet + 1 } else { 0 };
    }
    Ok(())
}

/// Busy and idle time of all cores since the machine started.
fn machine() -> Outcome<(Duration, Duration)> {
    let stat = fs::read_to_string("/proc/stat")?;
    Ok(times(&stat).ok_or("/proc/stat is not understood")?)
}

/// user, nice, system, idle, iowait, irq, softirq, steal; what follows is contained in these.
fn times(stat: &str) -> Option<(Duration, Duration)> {
    let fields = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace().take(8);
    let fields: Vec<u32> = fields.map(str::parse).collect::<Result<_, _>>().ok()?;
    let [user, nice, system, idle, wait, irq, soft, steal] = fields.try_into().ok()?;
    Some((TICK * (user + nice + system + irq + soft + steal), TICK * (idle + wait)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ones_own_is_others() {
        let at = |busy, idle, own| {
            let [busy, idle, own] = [busy, idle, own].map(Duration::from_secs);
            Snapshot { busy, idle, own }
        };
        let others = at(10, 10, 1).others(&at(16, 14, 5));
        assert!((others - 20.0).abs() < 1e-9, "{others}");
        let (busy, idle) = times("cpu  1 2 3 40 5 6 7 8 9 9\ncpu0 1").unwrap();
        assert_eq!((busy, idle), (TICK * 27, TICK * 45));
    }
}

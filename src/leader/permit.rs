//! Until when a leader may act. It ends by itself: nobody has to be told, and nobody can be told who was
//! stopped or cut off.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Instant;

use tokio::sync::watch;

/// A right to act, up to a moment that moves on with each renewal. Clones are the same permit.
#[derive(Clone)]
pub struct Permit(watch::Sender<Option<Instant>>);

impl Permit {
    /// One without an end: there is no election.
    pub fn without_end() -> Self {
        Self(watch::Sender::new(None))
    }

    /// One that ends then, unless it is renewed.
    pub fn until(end: Instant) -> Self {
        Self(watch::Sender::new(Some(end)))
    }

    /// It ends then. One that is over stays so: somebody else may act by now.
    pub fn renew(&self, end: Instant, now: Instant) {
        self.0.send_if_modified(|current| {
            let is_on = current.is_some_and(|current| now < current);
            if is_on {
                *current = Some(end);
            }
            is_on
        });
    }

    /// Somebody else has it.
    pub fn give_up(&self, now: Instant) {
        // An end that has passed stays where it was.
        self.0.send_modify(|end| *end = Some(end.map_or(now, |end| end.min(now))));
    }

    /// Whether its holder may act.
    pub fn is_valid(&self, now: Instant) -> bool {
        self.0.borrow().is_none_or(|end| now < end)
    }

    /// Resolves when it is over.
    pub async fn over(&self) {
        let mut ends = self.0.subscribe();
        loop {
            let end = *ends.borrow_and_update();
            // The sender lives as long as we do.
            match end {
                Some(end) if end <= Instant::now() => return,
                Some(end) => {
                    let _ = tokio::time::timeout_at(end.into(), ends.changed()).await;
                }
                None => {
                    let _ = ends.changed().await;
                }
            }
        }
    }

    /// Goes on with some work as long as the permit lasts; `None`: it ended first, and the work was cut off.
    ///
    /// The clock is asked before each step of the work: of a process that was stopped for a while, timers
    /// and sockets wake up together, and the socket may be first.
    pub async fn within<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let (mut work, mut over) = (pin!(work), pin!(self.over()));
        poll_fn(|context| {
            if !self.is_valid(Instant::now()) || over.as_mut().poll(context).is_ready() {
                return Poll::Ready(None);
            }
            work.as_mut().poll(context).map(Some)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::time::Duration;

    use super::*;

    const LONG: Duration = Duration::from_hours(1);

    #[tokio::test]
    async fn work_is_done_within_a_permit_and_cut_off_at_its_end() {
        assert_eq!(Permit::without_end().within(async { 1 }).await, Some(1));
        let now = Instant::now();
        assert_eq!(Permit::until(now + LONG).within(async { 1 }).await, Some(1));
        let soon = Permit::until(now + Duration::from_millis(20));
        assert_eq!(soon.within(pending::<()>()).await, None);
        assert_eq!(soon.within(async { 1 }).await, None, "nothing begins after it");
    }

    #[tokio::test]
    async fn a_renewal_moves_the_end_and_giving_up_is_noticed_at_once() {
        let now = Instant::now();
        let permit = Permit::until(now + Duration::from_millis(20));
        permit.renew(now + LONG, now);
        let mut work = pin!(permit.within(pending::<()>()));
        let is_cut = tokio::time::timeout(Duration::from_millis(60), &mut work).await.is_ok();
        assert!(!is_cut && permit.is_valid(Instant::now()));
        permit.give_up(Instant::now());
        assert_eq!(work.await, None);
    }

    #[test]
    fn what_is_over_is_not_renewed() {
        let now = Instant::now();
        let permit = Permit::until(now);
        permit.renew(now + LONG, now);
        assert!(!permit.is_valid(now));
        permit.renew(now + LONG, now + Duration::from_secs(1));
        assert!(!permit.is_valid(now));
    }

    #[tokio::test]
    async fn work_that_is_ready_is_not_done_when_the_clock_says_that_it_is_too_late() {
        // Nobody has polled in between, as in a process that was stopped: nothing has noticed the end.
        let (answer, answered) = tokio::sync::oneshot::channel::<()>();
        let permit = Permit::until(Instant::now() + Duration::from_millis(30));
        let mut work = pin!(permit.within(answered));
        let first = futures::poll!(&mut work);
        assert!(first.is_pending());
        std::thread::sleep(Duration::from_millis(60));
        answer.send(()).unwrap();
        assert_eq!(work.await, None);
    }
}

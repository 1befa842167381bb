//! One read for many: who needs the same at the same time waits for one request and shares its
//! answer. Knows nothing of what is read.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;

/// Something that is read for many.
pub struct SharedRead<T> {
    last: Mutex<Option<Dated<T>>>,
    /// No request begins sooner than this after the one before: who comes meanwhile shares it.
    pace: Duration,
}

/// What was read, and when.
#[derive(Clone)]
pub struct Dated<T> {
    /// When the request was sent: what happened later may be missing.
    pub began: Instant,
    /// Its answer.
    pub value: T,
}

impl<T> Default for SharedRead<T> {
    fn default() -> Self {
        Self::paced(Duration::ZERO)
    }
}

impl<T> SharedRead<T> {
    /// One that is not read more often than this.
    pub fn paced(pace: Duration) -> Self {
        Self { last: Mutex::new(None), pace }
    }
}

impl<T: Clone> SharedRead<T> {
    /// The last answer if it `is_good` or began after the caller came; else that of a new request,
    /// which begins after everybody who waits now came. Gives also whether it is new.
    pub async fn get(
        &self,
        is_good: impl Fn(&Dated<T>) -> bool,
        read: impl AsyncFnOnce() -> T,
    ) -> (Dated<T>, bool) {
        let came = Instant::now();
        let mut last = self.last.lock().await;
        if let Some(last) = last.as_ref().filter(|last| last.began >= came || is_good(last)) {
            return (last.clone(), false);
        }
        if let Some(last) = last.as_ref() {
            tokio::time::sleep(self.pace.saturating_sub(last.began.elapsed())).await;
        }
        let began = Instant::now();
        let dated = Dated { began, value: read().await };
        *last = Some(dated.clone());
        (dated, true)
    }

    /// Whether somebody is at it, or the last answer is one that `counts`.
    pub fn is_in_use(&self, counts: impl Fn(&Dated<T>) -> bool) -> bool {
        self.last.try_lock().map_or(true, |last| last.as_ref().is_some_and(counts))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures::future::join_all;
    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn who_waits_for_a_read_shares_one_that_began_after_they_came() {
        let (read, count, go) = (SharedRead::default(), AtomicU32::new(0), Notify::new());
        let get = || {
            read.get(
                |_: &Dated<u32>| false,
                async || {
                    go.notified().await;
                    count.fetch_add(1, Ordering::Relaxed)
                },
            )
        };
        let all = join_all((0..10).map(|_| get()));
        let release = async {
            for _ in 0..10 {
                go.notify_one();
                tokio::task::yield_now().await;
            }
        };
        let (answers, ()) = tokio::join!(all, release);
        // The first began before the others came; these share the second.
        assert_eq!(count.load(Ordering::Relaxed), 2);
        assert_eq!(answers.iter().filter(|(dated, _)| dated.value == 1).count(), 9);
        assert_eq!(answers.iter().filter(|(_, is_new)| *is_new).count(), 2);
    }

    #[tokio::test]
    async fn an_answer_that_is_good_is_read_again_by_nobody() {
        let read = SharedRead::default();
        for expected in [true, false, false] {
            let (dated, is_new) = read.get(|_| true, async || 7).await;
            assert_eq!((dated.value, is_new), (7, expected));
        }
        assert!(read.is_in_use(|dated| dated.value == 7));
        assert!(!read.is_in_use(|dated| dated.value == 8));
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_soon_after_a_read_waits_for_the_next_and_shares_it() {
        let (read, count) = (SharedRead::paced(Duration::from_mins(1)), AtomicU32::new(0));
        let ask = async || count.fetch_add(1, Ordering::Relaxed);
        let get = || read.get(|_: &Dated<u32>| false, ask);
        get().await;
        let answers = join_all((0..10).map(|_| get())).await;
        assert!(answers.iter().all(|(dated, _)| dated.value == 1), "one read for all ten");
    }

    #[tokio::test]
    async fn a_reader_that_is_dropped_leaves_the_read_to_the_next() {
        let read = SharedRead::default();
        let dropped = read.get(|_: &Dated<u32>| true, async || std::future::pending().await);
        assert!(futures::FutureExt::now_or_never(dropped).is_none());
        assert_eq!(read.get(|_| true, async || 7).await.0.value, 7);
    }
}

//! What the simulated cloud holds: repositories, accounts and shares, and the rules between them.
//!
//! A pure state machine: no tokio, no HTTP, no clock. Time, creator and limits come in as parameters.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::answer::{
    ApiError, DESCRIPTION_TOO_LONG, INVALID_ORGANIZATION, INVALID_PERMISSION, INVALID_REPOSITORY,
    NO_SUCH_SHARE, SHARE_EXISTS, UNKNOWN_ACCOUNT, UNKNOWN_ORGANIZATION, UNKNOWN_REPOSITORY,
};
use crate::share::{self, Creator, History, Place, Share, ShareView, Terms};
use crate::time::Spelling;

/// "Up to 1,000 characters" ("Sharing Private Images" in the user guide).
const LONGEST_DESCRIPTION: usize = 1000;
/// "Currently, only the read permission is supported."
const ONLY_PERMIT: &str = "read";

/// Everything that outlives a request.
#[derive(Debug, Default)]
pub struct State {
    open: bool,
    day_cut: bool,
    repositories: Known<Place>,
    /// In lower case: account names are one whatever their case.
    accounts: Known<String>,
    shares: BTreeMap<Place, BTreeMap<String, Share>>,
    history: History,
    revision: u64,
}

impl State {
    /// An empty cloud. `open`: names that nobody mentioned exist. `day_cut`: deadlines are stored cut to their day.
    pub fn new(open: bool, day_cut: bool) -> Self {
        Self { open, day_cut, ..Self::default() }
    }

    /// Grows with every change.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Makes a share.
    pub fn create(
        &mut self,
        place: &Place,
        account: &str,
        terms: Terms,
        creator: Creator,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        self.check_place(place)?;
        check_terms(&terms)?;
        if !share::is_account(account) || !self.has_account(account) {
            return Err(UNKNOWN_ACCOUNT);
        }
        if self.find(place, account).is_some() {
            return Err(SHARE_EXISTS);
        }
        self.store(place, account, terms, creator, now);
        Ok(())
    }

    /// The shares of a repository, at most `limit`.
    pub fn list(&self, place: &Place, limit: usize) -> Result<Vec<&Share>, ApiError> {
        self.check_place(place)?;
        let of_place = self.shares.get(place).into_iter().flat_map(BTreeMap::values);
        Ok(of_place.take(limit).collect())
    }

    /// One share of a known repository, or none.
    pub fn show(&self, place: &Place, account: &str) -> Result<Option<&Share>, ApiError> {
        self.check_place(place)?;
        Ok(self.find(place, account))
    }

    /// Sets the terms of a share anew.
    pub fn update(
        &mut self,
        place: &Place,
        account: &str,
        terms: Terms,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        self.check_place(place)?;
        check_terms(&terms)?;
        let share = self.find(place, account).ok_or(NO_SUCH_SHARE)?;
        let (spelling, creator) = (share.access_domain.clone(), share.creator.clone());
        self.store(place, &spelling, terms, creator, now);
        Ok(())
    }

    /// Revokes a share.
    pub fn delete(&mut self, place: &Place, account: &str, now: Timestamp) -> Result<(), ApiError> {
        self.check_place(place)?;
        if self.remove_share(place, account, now) { Ok(()) } else { Err(NO_SUCH_SHARE) }
    }

    /// Lets `read` see the shares as they were at `then`; repositories and accounts stay what they are `now`.
    pub fn as_of<T>(
        &mut self,
        then: Timestamp,
        now: Timestamp,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        // Undone in place and done again: the cost is that of the changes since then, not of all shares.
        let mut undone = Vec::new();
        for ((place, account), before) in self.history.between(then, now) {
            let after = self.swap(&place, &account, before);
            undone.push((place, account, after));
        }
        let result = read(self);
        for (place, account, after) in undone.into_iter().rev() {
            self.swap(&place, &account, after);
        }
        result
    }

    /// Makes or replaces a share by another hand than the API's: permit and account are not checked, and repository
    /// and account come to exist.
    pub fn put_share(
        &mut self,
        place: &Place,
        account: &str,
        terms: Terms,
        creator: Creator,
        now: Timestamp,
    ) {
        self.add_repository(place.clone());
        self.add_account(account);
        self.store(place, account, terms, creator, now);
    }

    /// Removes a share if it is there.
    pub fn remove_share(&mut self, place: &Place, account: &str, now: Timestamp) -> bool {
        let exists = self.find(place, account).is_some();
        if exists {
            self.change(place, identity(account), None, now);
        }
        exists
    }

    /// Lets a repository exist.
    pub fn add_repository(&mut self, place: Place) {
        self.repositories.insert(place, true);
        self.revision += 1;
    }

    /// Removes a repository with its shares; from now on it does not exist, not even in an open cloud.
    pub fn remove_repository(&mut self, place: &Place, now: Timestamp) -> bool {
        let existed = self.has_repository(place);
        self.repositories.insert(place.clone(), false);
        let accounts: Vec<String> =
            self.shares.get(place).into_iter().flat_map(BTreeMap::keys).cloned().collect();
        for account in accounts {
            self.change(place, account, None, now);
        }
        self.revision += 1;
        existed
    }

    /// Lets an account exist.
    pub fn add_account(&mut self, account: &str) {
        self.accounts.insert(identity(account), true);
        self.revision += 1;
    }

    /// Removes an account; the shares with it stay.
    pub fn remove_account(&mut self, account: &str) -> bool {
        let existed = self.has_account(account);
        self.accounts.insert(identity(account), false);
        self.revision += 1;
        existed
    }

    /// Puts a share back as it was saved.
    pub fn restore(&mut self, share: Share) {
        let (place, account) = (share.place.clone(), identity(&share.access_domain));
        self.swap(&place, &account, Some(share));
    }

    /// Every share, by repository and account, as it reads now.
    pub fn view(&self, now: Timestamp) -> Vec<ShareView> {
        let shares = self.shares.values().flat_map(BTreeMap::values);
        shares.map(|share| share.view(now, Spelling::Short)).collect()
    }

    /// The shares of each repository that has any.
    pub fn shares_by_place(&self) -> impl Iterator<Item = (&Place, Vec<&Share>)> {
        let grouped =
            self.shares.iter().map(|(place, shares)| (place, shares.values().collect::<Vec<_>>()));
        grouped.filter(|(_, shares)| !shares.is_empty())
    }

    /// The repositories that were named as existing.
    pub fn repositories(&self) -> impl Iterator<Item = &Place> {
        named(&self.repositories)
    }

    /// The accounts that were named as existing.
    pub fn accounts(&self) -> impl Iterator<Item = &String> {
        named(&self.accounts)
    }

    fn has_repository(&self, place: &Place) -> bool {
        self.repositories.get(place).copied().unwrap_or(self.open)
    }

    fn has_account(&self, account: &str) -> bool {
        self.accounts.get(&identity(account)).copied().unwrap_or(self.open)
    }

    fn find(&self, place: &Place, account: &str) -> Option<&Share> {
        self.shares.get(place)?.get(&identity(account))
    }

    fn store(
        &mut self,
        place: &Place,
        account: &str,
        mut terms: Terms,
        creator: Creator,
        now: Timestamp,
    ) {
        if self.day_cut {
            terms.deadline = terms.deadline.cut_to_day();
        }
        let created = self.find(place, account).map_or(now, |share| share.created);
        let share = Share {
            place: place.clone(),
            access_domain: account.to_owned(),
            terms,
            creator,
            created,
            updated: now,
        };
        self.change(place, identity(account), Some(share), now);
    }

    /// Changes a share so that its past is remembered.
    fn change(&mut self, place: &Place, account: String, share: Option<Share>, now: Timestamp) {
        let before = self.swap(place, &account, share);
        self.history.record(now, (place.clone(), account), before);
        self.revision += 1;
    }

    /// Puts a share in, or takes one out, and gives back what was there.
    fn swap(&mut self, place: &Place, account: &str, share: Option<Share>) -> Option<Share> {
        match share {
            Some(share) => {
                self.shares.entry(place.clone()).or_default().insert(account.to_owned(), share)
            }
            None => self.shares.get_mut(place)?.remove(account),
        }
    }

    fn check_place(&self, place: &Place) -> Result<(), ApiError> {
        if !share::is_organization(&place.organization) {
            return Err(INVALID_ORGANIZATION);
        }
        if !share::is_repository(&place.repository) {
            return Err(INVALID_REPOSITORY);
        }
        if self.has_repository(place) {
            return Ok(());
        }
        let organization_exists =
            self.open || self.repositories().any(|one| one.organization == place.organization);
        Err(if organization_exists { UNKNOWN_REPOSITORY } else { UNKNOWN_ORGANIZATION })
    }
}

fn check_terms(terms: &Terms) -> Result<(), ApiError> {
    if terms.permit != ONLY_PERMIT {
        return Err(INVALID_PERMISSION);
    }
    if terms.description.chars().count() > LONGEST_DESCRIPTION {
        return Err(DESCRIPTION_TOO_LONG);
    }
    Ok(())
}

/// Two spellings of an account that differ in case are one account: a Terraform provider has upper-cased the returned
/// name since its first version, and nothing was ever shared twice.
fn identity(account: &str) -> String {
    account.to_lowercase()
}

/// Names that were said to exist, or not to.
type Known<T> = BTreeMap<T, bool>;

fn named<T>(known: &Known<T>) -> impl Iterator<Item = &T> {
    known.iter().filter_map(|(name, exists)| exists.then_some(name))
}

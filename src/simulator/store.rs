//! The state file: repositories, accounts and shares, so that a simulator can be stopped and started again.

use std::fs;
use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::share::{Place, Share, ShareView};
use crate::state::State;

/// What is in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    repositories: Vec<String>,
    accounts: Vec<String>,
    shares: Vec<ShareView>,
}

/// Fills the state from the file; one that is not there yet is an empty one.
pub fn load(file: &Path, state: &mut State) -> Result<(), String> {
    let text = match fs::read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(format!("cannot read the state file {}: {error}", file.display()));
        }
    };
    restore(&text, state)
        .map_err(|reason| format!("{} is not a state file: {reason}", file.display()))
}

fn restore(text: &[u8], state: &mut State) -> Result<(), String> {
    let saved: Saved = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    for name in &saved.repositories {
        let place = Place::parse(name).ok_or_else(|| format!("`{name}` is not ORG/REPO"))?;
        state.add_repository(place);
    }
    for account in &saved.accounts {
        state.add_account(account);
    }
    for share in saved.shares {
        state.restore(Share::try_from(share)?);
    }
    Ok(())
}

/// Writes the state to the file, whole or not at all.
pub fn save(file: &Path, state: &State, now: Timestamp) -> io::Result<()> {
    let saved = Saved {
        repositories: state.repositories().map(ToString::to_string).collect(),
        accounts: state.accounts().cloned().collect(),
        shares: state.view(now),
    };
    let mut partial = file.to_owned().into_os_string();
    partial.push(".partial");
    fs::write(&partial, serde_json::to_vec_pretty(&saved)?)?;
    fs::rename(&partial, file)
}

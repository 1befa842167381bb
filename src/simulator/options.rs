//! What the simulator can be told at its start: one plain struct for the command line and for tests.
//!
//! It only parses, the files of --provider included; whether the whole makes sense is [`crate::start`]'s business.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;

use crate::identity::Provider;
use crate::share::{self, Place};
use crate::throttle::RateLimit;
use crate::time::{Clock, parse_duration};

/// How the simulator is started. Every flag has an environment variable; repeatable ones take commas there.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Address to listen on; port 0 takes a free one.
    #[arg(
        long,
        env = "IMAGESHARE_SIMULATOR_LISTEN",
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:8480"
    )]
    pub listen: SocketAddr,

    /// Token that is accepted in X-Auth-Token; repeatable. Needed unless there is an --access-key, a --user or a
    /// --provider.
    #[arg(
        long = "token",
        env = "IMAGESHARE_SIMULATOR_TOKEN",
        value_name = "TOKEN",
        value_delimiter = ',',
        hide_env_values = true,
        required_unless_present_any = ["access_keys", "users", "providers"]
    )]
    pub tokens: Vec<SecretString>,

    /// Access key that requests may be signed with; repeatable.
    #[arg(
        long = "access-key",
        env = "IMAGESHARE_SIMULATOR_ACCESS_KEY",
        value_name = "ID=SECRET",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub access_keys: Vec<AccessKey>,

    /// User who signs in at IAM with a password; repeatable.
    #[arg(
        long = "user",
        env = "IMAGESHARE_SIMULATOR_USER",
        value_name = "ACCOUNT/USER=PASSWORD",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub users: Vec<User>,

    /// Project that exists; repeatable. Without one, every project does.
    #[arg(
        long = "project",
        env = "IMAGESHARE_SIMULATOR_PROJECT",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub projects: Vec<String>,

    /// How long a token holds that IAM issues.
    #[arg(
        long,
        env = "IMAGESHARE_SIMULATOR_TOKEN_LIFETIME",
        value_name = "DURATION",
        default_value = "24h",
        value_parser = parse_duration
    )]
    pub token_lifetime: Duration,

    /// Identity provider whose tokens IAM and STS exchange; repeatable. The file is JSON: issuer, audience, jwks and
    /// perhaps agencies.
    #[arg(
        long = "provider",
        env = "IMAGESHARE_SIMULATOR_PROVIDER",
        value_name = "NAME=FILE",
        value_delimiter = ','
    )]
    pub providers: Vec<Provider>,

    /// Repository that exists, as people write it; repeatable. Others answer 404.
    #[arg(
        long = "repository",
        env = "IMAGESHARE_SIMULATOR_REPOSITORY",
        value_name = "ORG/REPO",
        value_delimiter = ',',
        value_parser = parse_repository
    )]
    pub repositories: Vec<String>,

    /// Account that exists and can be shared with; repeatable. Others answer 400.
    #[arg(
        long = "account",
        env = "IMAGESHARE_SIMULATOR_ACCOUNT",
        value_name = "NAME",
        value_delimiter = ',',
        value_parser = parse_account
    )]
    pub accounts: Vec<String>,

    /// Let every well-named repository and account exist.
    #[arg(long, env = "IMAGESHARE_SIMULATOR_OPEN")]
    pub open: bool,

    /// Time that every API call takes, such as 20ms.
    #[arg(
        long,
        env = "IMAGESHARE_SIMULATOR_LATENCY",
        value_name = "DURATION",
        default_value = "0s",
        value_parser = parse_duration
    )]
    pub latency: Duration,

    /// The gateway's rate limit, such as user:100/60s; `user`, `ip` or `api` say which calls it counts together.
    #[arg(long, env = "IMAGESHARE_SIMULATOR_LIMIT", value_name = "BY:CALLS/WINDOW")]
    pub limit: Option<RateLimit>,

    /// How many shares the list of one repository returns at most.
    #[arg(
        long,
        env = "IMAGESHARE_SIMULATOR_LIST_LIMIT",
        value_name = "COUNT",
        default_value_t = DOCUMENTED_LIST_LIMIT,
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    pub list_limit: u16,

    /// The simulator's clock: `real`, or a UTC instant at which it stands until /_sim/clock moves it.
    #[arg(
        long,
        env = "IMAGESHARE_SIMULATOR_CLOCK",
        value_name = "real|INSTANT",
        default_value = "real"
    )]
    pub clock: Clock,

    /// Store deadlines cut to midnight UTC of their day.
    #[arg(long, env = "IMAGESHARE_SIMULATOR_DAY_CUT")]
    pub day_cut: bool,

    /// File that repositories, accounts and shares are loaded from and saved to after each change.
    #[arg(long = "state", env = "IMAGESHARE_SIMULATOR_STATE", value_name = "FILE")]
    pub state_file: Option<PathBuf>,
}

/// "By default, 100 records will be returned" (API page "Querying Accounts an Image Is Shared With").
const DOCUMENTED_LIST_LIMIT: u16 = 100;
/// "Validity period: 24 hours" (IAM, "Obtaining a User Token").
const DOCUMENTED_TOKEN_LIFETIME: Duration = Duration::from_hours(24);

impl Default for Options {
    /// What tests start from: a free port on loopback, nothing known, no credential.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tokens: Vec::new(),
            access_keys: Vec::new(),
            users: Vec::new(),
            projects: Vec::new(),
            token_lifetime: DOCUMENTED_TOKEN_LIFETIME,
            providers: Vec::new(),
            repositories: Vec::new(),
            accounts: Vec::new(),
            open: false,
            latency: Duration::ZERO,
            limit: None,
            list_limit: DOCUMENTED_LIST_LIMIT,
            clock: Clock::REAL,
            day_cut: false,
            state_file: None,
        }
    }
}

/// A pair for signed requests.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// The public half, which a request names.
    pub id: String,
    /// The half that signs.
    pub secret: SecretString,
}

impl FromStr for AccessKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The text is not repeated in the error: half of it is a secret.
        match text.split_once('=') {
            Some((id, secret)) if !id.is_empty() && !secret.is_empty() => {
                Ok(Self { id: id.to_owned(), secret: SecretString::from(secret) })
            }
            _ => Err("an access key is written ID=SECRET".to_owned()),
        }
    }
}

/// A user of IAM.
#[derive(Clone, Debug)]
pub struct User {
    /// Whose user it is.
    pub account: String,
    /// Its name there.
    pub name: String,
    /// What it signs in with.
    pub password: SecretString,
}

impl FromStr for User {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The text is not repeated in the error here either.
        let parts = text.split_once('=').and_then(|(who, password)| {
            who.split_once('/').map(|(account, name)| (account, name, password))
        });
        match parts {
            Some((account, name, password)) if ![account, name, password].contains(&"") => {
                Ok(Self {
                    account: account.to_owned(),
                    name: name.to_owned(),
                    password: SecretString::from(password),
                })
            }
            _ => Err("a user is written ACCOUNT/USER=PASSWORD".to_owned()),
        }
    }
}

fn parse_repository(text: &str) -> Result<String, String> {
    Place::parse(text).map(|place| place.to_string()).ok_or_else(|| {
        "expected ORGANIZATION/REPOSITORY in SWR's characters, such as group/tools/busybox"
            .to_owned()
    })
}

fn parse_account(text: &str) -> Result<String, String> {
    let named = share::is_account(text).then(|| text.to_owned());
    named.ok_or_else(|| "an account name is not empty".to_owned())
}

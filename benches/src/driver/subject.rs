//! Who is measured, and how each is started.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;

use super::stage::{REGION, Stage, TOKEN};
use crate::Outcome;

/// Where cargo puts what it builds for this bench.
const RELEASE: &str = "target/release";

/// One of those that are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The least that any program must do.
    Bare,
    /// Ours.
    Operator,
    /// kube-rs as its documentation shows it.
    Stock,
    /// Go.
    ControllerRuntime,
    /// Python.
    Kopf,
}

/// What a subject's process is started from.
pub struct Recipe {
    program: PathBuf,
    arguments: Vec<String>,
}

impl Subject {
    /// In the order in which they are measured.
    pub const ALL: &[Self] =
        &[Self::Bare, Self::Operator, Self::Stock, Self::ControllerRuntime, Self::Kopf];

    /// The name in tables, and in `BENCH_SUBJECTS`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare loop",
            Self::Operator => "operator",
            Self::Stock => "stock kube-rs",
            Self::ControllerRuntime => "controller-runtime",
            Self::Kopf => "kopf",
        }
    }

    /// The cluster roles that its service account is given. The operator has those that it is shipped with.
    pub fn roles(self) -> &'static [&'static str] {
        match self {
            Self::Operator => &["imageshare-operator", "imageshare-operator-secrets"],
            _ => &["imageshare-bench-peer"],
        }
    }

    /// Builds what is to be built.
    fn prepare(self) -> Outcome<Recipe> {
        let own = |name: &str| Recipe {
            program: Path::new(RELEASE).join("imageshare-bench"),
            arguments: vec![name.to_owned()],
        };
        match self {
            Self::Bare => Ok(own("bare")),
            Self::Stock => Ok(own("stock")),
            Self::Operator => {
                let program = simulator_and_operator()?;
                Ok(Recipe {
                    program,
                    arguments: ["run", "--leader-elect", "false"].map(str::to_owned).to_vec(),
                })
            }
            Self::ControllerRuntime => peer("controller-runtime"),
            Self::Kopf => peer("kopf"),
        }
    }
}

impl FromStr for Subject {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.iter().find(|subject| subject.name() == name);
        known.copied().ok_or_else(|| format!("there is no subject `{name}`"))
    }
}

/// The operator's binary, which holds the simulator too.
pub fn simulator_and_operator() -> Outcome<PathBuf> {
    let program = Path::new(RELEASE).join("imageshare");
    if program.exists() {
        return Ok(program);
    }
    Err(format!("{} is missing: use `make bench`", program.display()).into())
}

/// The bare loop of a deletion.
pub fn undo() -> Recipe {
    let program = Path::new(RELEASE).join("imageshare-bench");
    Recipe { program, arguments: vec!["undo".to_owned()] }
}

impl Recipe {
    /// The process, not started yet.
    pub fn command(&self, subject: Subject, stage: &Stage) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env("KUBECONFIG", &stage.kubeconfig)
            .env("BENCH_NAMESPACE", &stage.namespace)
            .env("BENCH_CLOUD", stage.cloud.url())
            .env("BENCH_TOKEN", TOKEN);
        match subject {
            Subject::Operator => {
                let endpoint = format!("{REGION}={}", stage.cloud.url());
                command.args(["--namespace", &stage.namespace, "--endpoint", &endpoint]);
            }
            Subject::Kopf => {
                command.args(["--namespace", &stage.namespace]);
            }
            _ => {}
        }
        command
    }
}

/// Builds these. One that cannot be built is left out of the run, and the report says so.
pub fn prepare(subjects: &[Subject]) -> Vec<(Subject, Outcome<Recipe>)> {
    let prepared = subjects.iter().map(|subject| {
        let recipe = subject.prepare();
        if let Err(error) = &recipe {
            eprintln!("bench: {} is left out: {error}", subject.name());
        }
        (*subject, recipe)
    });
    prepared.collect()
}

/// Who was left out, and why.
pub fn unavailable(subjects: &[(Subject, Outcome<Recipe>)]) -> Vec<String> {
    let left_out = subjects.iter().filter_map(|(subject, recipe)| {
        let error = recipe.as_ref().err()?;
        Some(format!("{} could not be built: {error}", subject.name()))
    });
    left_out.collect()
}

/// `build.sh` of a peer builds it, and prints the command line that runs it, a word a line.
fn peer(name: &str) -> Outcome<Recipe> {
    let script = format!("benches/peers/{name}/build.sh");
    let built = Command::new(&script).stderr(Stdio::inherit()).output()?;
    if !built.status.success() {
        return Err(format!("{script} failed").into());
    }
    let text = String::from_utf8(built.stdout)?;
    let mut words = text.lines().map(str::to_owned);
    let program = words.next().ok_or_else(|| format!("{script} printed nothing"))?;
    Ok(Recipe { program: program.into(), arguments: words.collect() })
}

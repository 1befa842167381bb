//! Every command of the documents is run, page by page and in its order, as a reader would; what is shown of its
//! output is what it prints. What cannot run here stands in one table, with the reason and something that is
//! checked all the same.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Instant;

use regex::Regex;
use serde_json::Value;

use crate::kubelet::Kubelet;
use crate::page::{Page, Part, pages};
use crate::stages::{Cluster, STAGES, Stage};
use crate::support::{ControlPlane, folder};
use crate::tool::Tool;

/// What is checked of a command that is not run.
enum Check {
    /// The Makefile has its targets.
    Targets,
    /// A file is there, and says this.
    Says(&'static str, &'static str),
    /// The program's own help has all its flags.
    Help,
    /// The test that it runs is there, and reads the variables.
    Test(&'static str),
}

/// How it begins, why it is not run, and what is checked.
const LISTED: [(&str, &str, Check); 12] = [
    ("make", "the targets are tests and builds of their own", Check::Targets),
    (
        "MODEL=all make test-model",
        "a quarter of an hour, and a test of its own",
        Check::Test("tests/model.rs"),
    ),
    (
        "FUZZ_SECONDS=60 make fuzz",
        "needs a nightly toolchain",
        Check::Says("tests/fuzz/run.sh", "FUZZ_SECONDS"),
    ),
    (
        "DELETIONS=1000 OUTAGE=3600 cargo test",
        "an hour, and a test of its own",
        Check::Test("tests/e2e/deletion.rs"),
    ),
    (
        "cargo test --test e2e thousands",
        "two minutes, and a test of its own",
        Check::Test("tests/e2e/storms.rs"),
    ),
    ("EDITS=20000 cargo test", "hours, and a test of its own", Check::Test("tests/e2e/edits.rs")),
    (
        "deploy/release/publish.sh",
        "needs a registry and `make image`; tests/delivery/image.rs runs it",
        Check::Says("tests/delivery/image.rs", "deploy/release/publish.sh"),
    ),
    (
        "docker buildx build",
        "needs a container engine",
        Check::Says(
            "deploy/Dockerfile",
            "docker buildx build --platform linux/amd64,linux/arm64 -f",
        ),
    ),
    (
        "cosign verify",
        "needs Sigstore and a release",
        Check::Says(".github/workflows/release.yml", "cosign sign"),
    ),
    (
        "gh attestation verify",
        "needs GitHub and a release",
        Check::Says(".github/workflows/release.yml", "attest-build-provenance"),
    ),
    ("kubectl logs", "there are no pods: no kubelet", Check::Help),
    ("kubectl port-forward", "there are no pods: no kubelet", Check::Help),
];

/// Runs until it is ended, and says on standard output when it serves.
const SERVES: &str = "imageshare simulator";
/// Runs until it is ended; nobody waits for it here, so only its flags are looked at.
const OPERATES: &str = "imageshare run";

/// What a reader has in his environment.
const VARIABLES: [(&str, &str); 3] =
    [("AK", "demo-access-key"), ("SK", "demo-secret-key"), ("PASSWORD", "demo-password")];
/// The cloud of the samples.
const CLOUD: [&str; 10] = [
    "--listen=127.0.0.1:0",
    "--access-key",
    "demo-access-key=demo-secret-key",
    "--token",
    "demo-token",
    "--user=acme/robot=demo-password",
    "--repository",
    "group/tools/busybox",
    "--account",
    "demo",
];

struct Typed {
    line: usize,
    text: String,
    /// What the page shows of the output.
    output: String,
}

/// The commands of a block. With prompts, what has none is output.
fn typed(first: usize, block: &str) -> Vec<Typed> {
    let has_prompts = block.lines().any(|line| line.starts_with("$ "));
    let mut typed: Vec<Typed> = vec![];
    let mut is_open = false;
    for (line, text) in block.lines().enumerate().map(|(index, text)| (first + 1 + index, text)) {
        let command = if has_prompts { text.strip_prefix("$ ") } else { Some(text) };
        match (command, typed.last_mut()) {
            (_, Some(last)) if is_open => last.text = format!("{}\n{text}", last.text),
            (None, Some(last)) => last.output = format!("{}{text}\n", last.output),
            (None, None) => panic!("line {line} is output of no command"),
            (Some(text), _) if text.is_empty() || text.starts_with('#') => {}
            (Some(text), _) => {
                typed.push(Typed { line, text: text.to_owned(), output: String::new() });
            }
        }
        is_open = text.ends_with('\\');
    }
    typed
}

/// Whether this output was printed: white space and ages do not count, `…` stands for anything, and so does
/// what differs from run to run.
fn is_as_shown(shown: &str, printed: &str) -> bool {
    let differs = [
        (r"\b20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]+\.[0-9]+Z", "TIME"),
        (r"\b[0-9]+s\b", "AGE"),
        (r"127\.0\.0\.1:[0-9]+", "ADDRESS"),
        (r"\s+", ""),
    ];
    let plain = |text: &str| {
        differs.iter().fold(text.to_owned(), |text, (pattern, word)| {
            Regex::new(pattern).unwrap().replace_all(&text, *word).into_owned()
        })
    };
    let shown: Vec<_> = plain(shown).split('…').map(regex::escape).collect();
    Regex::new(&format!("^(?s:{})$", shown.join(".*"))).unwrap().is_match(&plain(printed))
}

/// A process that is ended with what holds it.
struct Served(Child, String);

impl Served {
    /// Starts a simulator, and gives where it serves.
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let url = said.trim().strip_prefix("READY url=").unwrap_or_else(|| panic!("{said:?}"));
        let url = url.to_owned();
        Self(child, url)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A cluster with its cloud, and the operator while it is installed.
struct World {
    kubelet: Kubelet,
    simulator: Served,
    control_plane: ControlPlane,
}

impl World {
    fn start() -> Self {
        let mut simulator = Command::new(env!("CARGO_BIN_EXE_imageshare"));
        let simulator = Served::start(simulator.arg("simulator").args(CLOUD));
        Self { kubelet: Kubelet::default(), simulator, control_plane: ControlPlane::start() }
    }

    fn shares(&self) -> usize {
        let url = format!("{}/_sim/shares", self.simulator.1);
        let output = Command::new("curl").args(["--silent", "--fail", &url]).output().unwrap();
        let shares: Value = serde_json::from_slice(&output.stdout).unwrap();
        shares.as_array().unwrap().len()
    }
}

/// Who types what a page says: in a folder that looks like a checkout, with the real tools in `PATH`.
struct Reader {
    home: PathBuf,
    world: Option<World>,
    served: Option<Served>,
    counted: Counted,
}

#[derive(Default)]
struct Counted {
    run: usize,
    listed: Vec<usize>,
}

impl Reader {
    fn new(name: &str) -> Self {
        let home = folder(name);
        for entry in std::fs::read_dir(".").unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name();
            if name != "target" {
                let there = entry.path().canonicalize().unwrap();
                std::os::unix::fs::symlink(there, home.join(name)).unwrap();
            }
        }
        std::fs::write(home.join("token"), "demo-token").unwrap();
        std::fs::write(home.join(".curlrc"), "silent\nshow-error\nfail-with-body\n").unwrap();
        let bin = home.join("bin");
        std::fs::create_dir(&bin).unwrap();
        let control_plane = Command::new("tests/control-plane/build.sh").output().unwrap();
        let control_plane = String::from_utf8(control_plane.stdout).unwrap();
        let tools = [
            Path::new(control_plane.trim()).with_file_name("kubectl"),
            Tool::new("helm", "helm").0,
            env!("CARGO_BIN_EXE_imageshare").into(),
        ];
        for tool in tools {
            let there = tool.canonicalize().unwrap();
            std::os::unix::fs::symlink(there, bin.join(tool.file_name().unwrap())).unwrap();
        }
        let counted = Counted { run: 0, listed: vec![0; LISTED.len()] };
        Self { home, world: None, served: None, counted }
    }

    fn command(&self, program: &str) -> Command {
        let path = std::env::var("PATH").unwrap();
        let mut command = Command::new(program);
        let kubeconfig = self.world.as_ref().map(|world| world.control_plane.kubeconfig.clone());
        command
            .current_dir(&self.home)
            .env("PATH", format!("{}:{path}", self.home.join("bin").display()))
            .env("HOME", &self.home)
            .env("KUBECONFIG", kubeconfig.unwrap_or_else(|| "nowhere".into()))
            .env("IMAGESHARE_SIMULATOR_LISTEN", "127.0.0.1:0")
            .envs(VARIABLES)
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end, and gives what it printed.
    fn run(&mut self, text: &str) -> Result<String, String> {
        let mut text = text.to_owned();
        if let Some(Served(_, url)) = &self.served {
            text = text.replace("http://127.0.0.1:8480", url);
        }
        if let Some(address) = self.world.as_ref().and_then(|world| world.kubelet.address()) {
            text = text.replace("127.0.0.1:8080", address);
        }
        let bounded = ["90", "bash", "-euo", "pipefail", "-c", &text];
        let output = self.command("timeout").args(bounded).output().unwrap();
        if let Some(world) = &mut self.world {
            world.kubelet.follow(&world.control_plane, &world.simulator.1);
        }
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(out) } else { Err(format!("{text}\n{out}{error}")) }
    }

    /// Does what a page says, or checks it.
    fn follow(&mut self, text: &str) -> Result<String, String> {
        let text = text.replace("cargo run -- ", "imageshare ");
        let is_listed = |(begins, _, _): &&(&str, &str, Check)| {
            text.strip_prefix(*begins)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '-']))
        };
        if let Some(index) = LISTED.iter().position(|listed| is_listed(&listed)) {
            self.counted.listed[index] += 1;
            return self.check(&LISTED[index].2, &text).map(|()| String::new());
        }
        self.counted.run += 1;
        if text.starts_with(SERVES) {
            self.served = None;
            let served = Served::start(self.command("bash").args(["-c", &format!("exec {text}")]));
            let said = format!("READY url={}\n", served.1);
            self.served = Some(served);
            return Ok(said);
        }
        if text.starts_with(OPERATES) {
            return self.check(&Check::Help, &text).map(|()| String::new());
        }
        self.run(&text)
    }

    fn check(&self, check: &Check, text: &str) -> Result<(), String> {
        let text = text.split(" # ").next().unwrap();
        let words: Vec<_> = text.split_whitespace().collect();
        match check {
            Check::Targets => {
                let makefile = std::fs::read_to_string("Makefile").unwrap();
                let is_there = |target: &&&str| makefile.contains(&format!("\n{target}: "));
                let absent: Vec<_> = words[1..].iter().filter(|t| !is_there(t)).collect();
                if absent.is_empty() { Ok(()) } else { Err(format!("no targets {absent:?}")) }
            }
            Check::Says(file, what) => {
                let said =
                    std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
                if said.contains(what) {
                    Ok(())
                } else {
                    Err(format!("{file} does not say {what}"))
                }
            }
            Check::Help => {
                let program = if words[0] == "imageshare" { 2 } else { 2.min(words.len()) };
                let mut help = self.command(words[0]);
                let help = help.args(&words[1..program]).arg("--help").output().unwrap();
                let help = String::from_utf8(help.stdout).unwrap();
                let flags = words.iter().filter_map(|word| word.split('=').next());
                let mut flags = flags.filter(|word| word.starts_with("--"));
                match flags.find(|flag| !help.contains(*flag)) {
                    Some(flag) => Err(format!("its help does not tell of {flag}")),
                    None => Ok(()),
                }
            }
            Check::Test(file) => {
                let text =
                    std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
                let variables = words.iter().filter_map(|word| word.split_once('='));
                let mut names: Vec<_> =
                    variables.map(|(name, _)| name).filter(|name| !name.starts_with('-')).collect();
                // The filter, where it is the beginning of a test's name and not a file's.
                let filter = words.iter().skip_while(|word| **word != "--test").nth(2);
                let is_file = |name: &&str| Path::new(file).with_extension("").ends_with(name);
                names.extend(filter.filter(|name| !is_file(name)));
                match names.into_iter().find(|name| !text.contains(name)) {
                    Some(name) => Err(format!("{file} does not have {name}")),
                    None => Ok(()),
                }
            }
        }
    }

    /// What a reader has done before a section.
    fn prepare(&mut self, stage: &Stage) -> Result<(), String> {
        if stage.cluster == Cluster::Fresh {
            self.world = None;
            self.world = Some(World::start());
        }
        stage.before.iter().try_for_each(|command| self.run(command).map(|_| ()))
    }

    /// What a section has led to.
    fn conclude(&self, stage: Option<&Stage>) -> Result<(), String> {
        let Some(shares) = stage.and_then(|stage| stage.shares) else { return Ok(()) };
        let held = self.world.as_ref().unwrap().shares();
        if held == shares { Ok(()) } else { Err(format!("SWR holds {held} shares, not {shares}")) }
    }

    /// Reads a page to its end, or to its first fault.
    fn read(&mut self, page: &Page) -> Result<(), String> {
        let mut stage = None;
        for part in &page.parts {
            match part {
                Part::Heading { line, text, .. } => {
                    let next =
                        STAGES.iter().find(|next| (next.page, next.heading) == (&page.path, text));
                    let Some(next) = next else { continue };
                    let at = page.at(*line);
                    let is_prepared = self.conclude(stage).and_then(|()| self.prepare(next));
                    is_prepared.map_err(|error| format!("before {at}: {error}"))?;
                    stage = Some(next);
                }
                Part::Block { line, language, text } if language == "console" => {
                    for Typed { line, text, output } in typed(*line, text) {
                        let at = page.at(line);
                        let printed = self.follow(&text);
                        let printed = printed.map_err(|error| format!("{at}: {text}\n{error}"))?;
                        if !output.is_empty() && !is_as_shown(&output, &printed) {
                            return Err(format!(
                                "{at}: {text}\nprints:\n{printed}and not:\n{output}"
                            ));
                        }
                    }
                }
                _ => {}
            }
        }
        self.conclude(stage).map_err(|error| format!("after {}: {error}", page.path))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

/// A page, cut before each section that begins on a cluster of its own.
fn cut(page: Page) -> Vec<Page> {
    let mut pieces: Vec<Page> = vec![];
    for part in page.parts {
        let is_fresh = |heading: &str| {
            let is_it = |stage: &&Stage| (stage.page, stage.heading) == (&page.path, heading);
            STAGES.iter().find(is_it).is_some_and(|stage| stage.cluster == Cluster::Fresh)
        };
        let begins = matches!(&part, Part::Heading { text, .. } if is_fresh(text));
        match pieces.last_mut() {
            Some(piece) if !begins => piece.parts.push(part),
            _ => pieces.push(Page { path: page.path.clone(), parts: vec![part] }),
        }
    }
    pieces
}

/// Two readers at a time, since commands mostly wait.
const READERS: [&str; 2] = ["reader-1", "reader-2"];

#[test]
fn every_command_runs_and_prints_what_its_page_shows() {
    let only = std::env::var("DOCS").unwrap_or_default();
    // The translation has the same commands: `translation.rs`.
    let is_read = |page: &Page| page.path != "README.zh-CN.md" && page.path.contains(&only);
    let pieces: Vec<_> = pages().into_iter().filter(is_read).flat_map(cut).collect();
    let pieces = Mutex::new(pieces);
    let read = |name| {
        let (mut reader, mut faults) = (Reader::new(name), vec![]);
        // The lock is held for as long as it takes to take a piece.
        while let Some(piece) = { pieces.lock().unwrap().pop() } {
            let begun = Instant::now();
            faults.extend(reader.read(&piece).err());
            (reader.world, reader.served) = (None, None);
            let taken = begun.elapsed().as_secs();
            if let (1.., Some(Part::Heading { line, text, .. })) = (taken, piece.parts.first()) {
                println!("{}: {text}: {taken} s", piece.at(*line));
            }
        }
        (std::mem::take(&mut reader.counted), faults)
    };
    let done = std::thread::scope(|scope| {
        READERS.map(|name| scope.spawn(move || read(name))).map(|reader| reader.join().unwrap())
    });
    let faults: Vec<_> = done.iter().flat_map(|(_, faults)| faults.clone()).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let run: usize = done.iter().map(|(counted, _)| counted.run).sum();
    let listed = |index| done.iter().map(|(counted, _)| counted.listed[index]).sum::<usize>();
    println!("{run} commands run, {} listed", (0..LISTED.len()).map(listed).sum::<usize>());
    if only.is_empty() {
        for (index, (begins, _, _)) in LISTED.iter().enumerate() {
            assert!(listed(index) > 0, "no page says {begins:?}: take it off the list");
        }
        assert!(run > 50, "the commands are not found: {run}");
    }
}

#[test]
fn every_stage_is_before_a_section_that_is_there() {
    for stage in STAGES {
        let page = Page::read(stage.page);
        let is_it =
            |part: &&Part| matches!(part, Part::Heading { text, .. } if text == stage.heading);
        let count = page.parts.iter().filter(is_it).count();
        assert_eq!(count, 1, "{}: {}", stage.page, stage.heading);
    }
}

#[test]
fn a_command_that_cannot_run_and_one_on_the_list_that_is_wrong_are_found() {
    let mut reader = Reader::new("reader-of-faults");
    for wrong in [
        "no-such-command",
        "kubectl get imageshares", // there is no cluster
        "make no-such-target",
        "kubectl logs deployment/imageshare-operator --no-such-flag",
        "imageshare run --no-such-flag",
        "EDITS=20000 cargo test --test e2e no_such_test",
    ] {
        assert!(reader.follow(wrong).is_err(), "{wrong}");
    }
    for right in ["imageshare --version", "make demo", "kubectl logs --all-pods --since 1h"] {
        assert_eq!(reader.follow(right).err(), None, "{right}");
    }
}

#[test]
fn what_is_listed_says_why() {
    for (begins, why, _) in &LISTED {
        assert!(why.len() > 10, "{begins}: why is it not run?");
    }
}

#[test]
fn a_block_falls_into_commands_and_their_output() {
    let found = typed(1, "$ one \\\n    more\nprinted\n$ two\n");
    let found: Vec<_> = found.iter().map(|t| (t.line, &*t.text, &*t.output)).collect();
    assert_eq!(found, [(2, "one \\\n    more", "printed\n"), (5, "two", "")]);
    let found = typed(1, "# a comment\none\ntwo   # another\n");
    let found: Vec<_> = found.iter().map(|t| &*t.text).collect();
    assert_eq!(found, ["one", "two   # another"]);
}

#[test]
fn output_is_compared_but_for_what_differs_from_run_to_run() {
    assert!(is_as_shown("A   AGE\nx   2s\n", "A AGE\nx 13s\n"));
    assert!(is_as_shown("id: cc…\n", "id: cc123\n"));
    assert!(is_as_shown("READY url=http://127.0.0.1:8480", "READY url=http://127.0.0.1:9\n"));
    assert!(!is_as_shown("READY   True\n", "READY False\n"));
    assert!(!is_as_shown("one\n", "one\ntwo\n"));
}

//! Replays a recording against a server and says what differs.
//!
//! Pairs go in order, one at a time, each over its own connection. Paths of the recording become
//! those of its folder, its layer server a running one, its made-up names the live ones. Some pairs
//! need the server's surroundings changed, which [`Surroundings`] does or declines with a reason.
//! Page tokens and times are compared for presence alone.

mod compare;
mod http;
mod json;
mod layer_server;
mod live_names;
mod permitted;

use std::collections::HashSet;
use std::fmt;

pub use compare::Difference;
pub use layer_server::LayerServer;
pub use permitted::Permitted;

use self::compare::Leave;
use self::json::Json;
use self::live_names::LiveNames;
use crate::golden::{FOLDER, LAYER_SERVER, Pair, Transcript};

/// Where the server under test listens, as `HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The API.
    pub api: String,
    /// The health server; without one its pairs are skipped.
    pub health: Option<String>,
}

/// A state of the server's surroundings that pairs were recorded in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Restarted with a webhook that took every notification.
    Webhook,
    /// The database is stopped.
    DatabaseDown,
    /// The database is back.
    DatabaseUp,
    /// Restarted with an API timeout of one millisecond.
    Timeout,
}

impl Stage {
    /// Its name on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::DatabaseDown => "database-down",
            Self::DatabaseUp => "database-up",
            Self::Timeout => "timeout",
        }
    }

    /// The stage that a pair was recorded in, if it was not the plain one.
    fn of(pair: u32) -> Option<Self> {
        match pair {
            440..470 => Some(Self::Webhook),
            470..478 | 480..485 => Some(Self::DatabaseDown),
            478 | 479 | 485..490 => Some(Self::DatabaseUp),
            490.. => Some(Self::Timeout),
            _ => None,
        }
    }
}

/// What only whoever runs the server can do.
pub trait Surroundings {
    /// Names of all notifications, oldest first.
    ///
    /// # Errors
    /// Why they are not known.
    fn notifications(&mut self) -> Result<Vec<String>, String>;

    /// Brings a stage about, and tells where the server listens then.
    ///
    /// # Errors
    /// Why its pairs have to be skipped.
    fn enter(&mut self, stage: Stage) -> Result<Target, String>;
}

/// What became of a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As recorded.
    Same,
    /// Different as the table says, for these reasons.
    Permitted(Vec<Difference>, Vec<String>),
    /// Different beyond what the table says, or no longer different where it says so.
    Wrong {
        /// What the table does not have.
        differences: Vec<Difference>,
        /// Places in the table that no longer differ.
        stale: Vec<String>,
    },
    /// Not asked, and why.
    Skipped(String),
}

/// All outcomes, in order.
#[derive(Debug, Default)]
pub struct Outcomes {
    /// Each pair's name and what became of it.
    pub pairs: Vec<(String, Outcome)>,
}

impl Outcomes {
    /// How many pairs came out so.
    pub fn count(&self, is: impl Fn(&Outcome) -> bool) -> usize {
        self.pairs.iter().filter(|(_, outcome)| is(outcome)).count()
    }

    /// How many pairs are wrong.
    pub fn wrong(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Wrong { .. }))
    }
}

impl fmt::Display for Outcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, outcome) in &self.pairs {
            match outcome {
                Outcome::Same => {}
                Outcome::Permitted(_, reasons) => {
                    writeln!(f, "permitted {name}: {}", reasons.join("; "))?;
                }
                Outcome::Skipped(reason) => writeln!(f, "skipped: {name}: {reason}")?,
                Outcome::Wrong { differences, stale } => {
                    writeln!(f, "WRONG {name}")?;
                    for found in differences {
                        writeln!(f, "  {}", found.place)?;
                        writeln!(f, "    recorded {}", short(&found.recorded))?;
                        writeln!(f, "    answered {}", short(&found.answered))?;
                    }
                    for place in stale {
                        writeln!(f, "  {place}: the table says it differs, and it does not")?;
                    }
                }
            }
        }
        write!(
            f,
            "{} pairs: {} as recorded, {} permitted, {} wrong, {} skipped",
            self.pairs.len(),
            self.count(|outcome| *outcome == Outcome::Same),
            self.count(|outcome| matches!(outcome, Outcome::Permitted(..))),
            self.wrong(),
            self.count(|outcome| matches!(outcome, Outcome::Skipped(_))),
        )
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(600) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

/// Replays all pairs.
///
/// # Errors
/// The layer server cannot be started; what goes wrong with a pair is its outcome.
pub fn replay(
    transcript: &Transcript,
    target: Target,
    permitted: &Permitted,
    surroundings: &mut dyn Surroundings,
) -> Result<Outcomes, String> {
    let layers = LayerServer::start(&transcript.folder)
        .map_err(|error| format!("the layer server cannot be started: {error}"))?;
    let mut run = Run {
        transcript,
        target,
        layers,
        surroundings,
        names: LiveNames::default(),
        known: HashSet::new(),
        stage: None,
        declined: None,
        leave: Leave::default(),
    };
    let mut outcomes = Outcomes::default();
    for pair in &transcript.pairs {
        let outcome = match run.differences(pair) {
            Ok(differences) => {
                let judged = permitted.judge(pair.number, differences);
                if !judged.wrong.is_empty() || !judged.stale.is_empty() {
                    Outcome::Wrong {
                        differences: judged.wrong,
                        stale: judged.stale,
                    }
                } else if judged.permitted.is_empty() {
                    Outcome::Same
                } else {
                    Outcome::Permitted(judged.permitted, judged.reasons)
                }
            }
            Err(reason) => Outcome::Skipped(reason),
        };
        outcomes.pairs.push((pair.name.clone(), outcome));
    }
    Ok(outcomes)
}

struct Run<'a> {
    transcript: &'a Transcript,
    target: Target,
    layers: LayerServer,
    surroundings: &'a mut dyn Surroundings,
    names: LiveNames,
    /// Notifications whose live name is known, by either name.
    known: HashSet<String>,
    stage: Option<Stage>,
    /// Why the stage could not be entered.
    declined: Option<String>,
    leave: Leave,
}

impl Run<'_> {
    /// What differs, or why the pair is skipped.
    fn differences(&mut self, pair: &Pair) -> Result<Vec<Difference>, String> {
        self.enter(pair)?;
        let authority = if pair.to_health {
            self.target
                .health
                .clone()
                .ok_or("no health server is given")?
        } else {
            self.target.api.clone()
        };
        if let Some(name) = notification_in(&pair.path) {
            self.find_notification(name, pair)?;
        }
        if self.names.lacks_token(&pair.path) {
            return Err("its page token is that of a pair that was skipped".to_owned());
        }
        let target = self.names.target(&pair.path);
        let body = pair.body.as_deref().map(|body| self.here(body));
        let answer = match http::ask(
            &authority,
            &pair.method,
            &target,
            &pair.headers,
            body.as_deref(),
        ) {
            Ok(answer) => answer,
            Err(error) => {
                return Ok(vec![Difference {
                    place: "connection".to_owned(),
                    recorded: format!("status {}", pair.response.status),
                    answered: error.to_string(),
                }]);
            }
        };
        let recorded = self.here(&pair.response.body);
        if let (Ok(recorded), Ok(live)) = (
            serde_json::from_slice::<Json>(&recorded),
            serde_json::from_slice::<Json>(&answer.body),
        ) {
            self.names.learn_tokens(&recorded, &live);
        }
        Ok(compare::compare(pair, &recorded, &answer, self.leave))
    }

    fn enter(&mut self, pair: &Pair) -> Result<(), String> {
        let wanted = Stage::of(pair.number);
        // What was declined before does not come about by itself.
        if wanted == Some(Stage::DatabaseUp) && self.declined.is_some() {
            return Err("the database was not stopped".to_owned());
        }
        if wanted != self.stage {
            self.stage = wanted;
            self.declined = None;
            if let Some(stage) = wanted {
                match self.surroundings.enter(stage) {
                    Ok(target) => self.target = target,
                    Err(reason) => self.declined = Some(reason),
                }
            }
        }
        match (&self.declined, wanted) {
            // Without a webhook only the delivery itself is not to be seen.
            (Some(reason), Some(Stage::Webhook)) if pair.number == 440 => Err(reason.clone()),
            (Some(_), Some(Stage::Webhook)) => {
                self.leave.notified = true;
                Ok(())
            }
            (Some(reason), _) => Err(reason.clone()),
            (None, _) => Ok(()),
        }
    }

    /// Text of the recording with today's places.
    fn here(&self, text: &[u8]) -> Vec<u8> {
        let Ok(text) = std::str::from_utf8(text) else {
            return text.to_owned();
        };
        let folder = self.transcript.folder.to_string_lossy();
        let layers = self.layers.address().to_string();
        text.replace(FOLDER, &folder)
            .replace(LAYER_SERVER, &layers)
            .into_bytes()
    }

    /// Finds out what a recorded notification is called now: the one about the same vulnerabilities.
    fn find_notification(&mut self, recorded: &str, pair: &Pair) -> Result<(), String> {
        if recorded.len() != 36 || self.known.contains(recorded) {
            return Ok(());
        }
        let answers = self
            .transcript
            .pairs
            .iter()
            .filter(|other| other.path.contains(recorded));
        let wanted = answers
            .filter_map(|other| serde_json::from_slice(&other.response.body).ok())
            .find_map(|answer| subject(&answer));
        let Some(wanted) = wanted else { return Ok(()) };
        let mut nearest = None;
        for name in self.surroundings.notifications()? {
            if self.known.contains(&name) {
                continue;
            }
            let path = format!("/v1/notifications/{name}?limit=1");
            let answer = http::ask(&self.target.api, "GET", &path, &[], None)
                .map_err(|error| format!("{path}: {error}"))?;
            let Some(found) = serde_json::from_slice(&answer.body)
                .ok()
                .and_then(|answer| subject(&answer))
            else {
                continue;
            };
            if found == wanted {
                self.know(recorded, &name);
                return Ok(());
            }
            if names_of(&found) == names_of(&wanted) {
                nearest.get_or_insert(name);
            }
        }
        let name = nearest.ok_or_else(|| format!("no notification like that of {}", pair.name))?;
        self.know(recorded, &name);
        Ok(())
    }

    fn know(&mut self, recorded: &str, live: &str) {
        self.names.learn(recorded, live);
        self.known.extend([recorded.to_owned(), live.to_owned()]);
    }
}

fn notification_in(path: &str) -> Option<&str> {
    let name = path.strip_prefix("/v1/notifications/")?;
    Some(name.split('?').next().unwrap_or(name))
}

type Subject = (Option<Json>, Option<Json>);

/// The vulnerability of a notification before and after.
fn subject(answer: &Json) -> Option<Subject> {
    let mut answer = answer.clone();
    compare::normalise(&mut answer, &["FixedIn order".to_owned()], Leave::default());
    let notification = answer.field("Notification")?;
    let side = |name| {
        notification
            .field(name)
            .and_then(|side| side.field("Vulnerability"))
            .cloned()
    };
    Some((side("Old"), side("New")))
}

fn names_of((old, new): &Subject) -> (Option<&Json>, Option<&Json>) {
    (
        old.as_ref().and_then(|side| side.field("Name")),
        new.as_ref().and_then(|side| side.field("Name")),
    )
}

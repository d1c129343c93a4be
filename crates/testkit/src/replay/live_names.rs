//! Names that a server makes up: page tokens and names of notifications.
//!
//! Wherever a recorded answer has a token, the live answer's token at the same place stands for it
//! in later requests. A recording's requests have them plain or percent-encoded.

use std::collections::HashMap;

use super::json::Json;

/// The live name of each recorded one.
#[derive(Default)]
pub(crate) struct LiveNames {
    names: HashMap<String, String>,
    /// The last token of a list of vulnerabilities, and of a notification: a request with a token
    /// that no recorded answer has is one that tries the token of another route.
    of_lists: Option<String>,
    of_notifications: Option<String>,
}

impl LiveNames {
    /// Says what a recorded name is called now.
    pub(crate) fn learn(&mut self, recorded: &str, live: &str) {
        self.names.insert(recorded.to_owned(), live.to_owned());
    }

    /// Learns from two answers to the same request.
    pub(crate) fn learn_tokens(&mut self, recorded: &Json, live: &Json) {
        for (recorded, live, is_list) in [
            (Some(recorded), Some(live), true),
            (
                recorded.field("Notification"),
                live.field("Notification"),
                false,
            ),
        ] {
            for field in ["Page", "NextPage"] {
                let token = |answer: Option<&Json>| answer?.field(field)?.text().map(str::to_owned);
                if let (Some(recorded), Some(live)) = (token(recorded), token(live)) {
                    let last = if is_list {
                        &mut self.of_lists
                    } else {
                        &mut self.of_notifications
                    };
                    *last = Some(live.clone());
                    self.names.insert(recorded, live);
                }
            }
        }
    }

    /// The request target with live names.
    pub(crate) fn target(&self, recorded: &str) -> String {
        let (path, query) = recorded
            .split_once('?')
            .map_or((recorded, None), |(path, query)| (path, Some(query)));
        let mut target = path.to_owned();
        if let Some((start, name)) = path.rsplit_once('/')
            && let Some(live) = self.names.get(name)
        {
            target = format!("{start}/{live}");
        }
        if let Some(query) = query {
            target.push('?');
            for (index, part) in query.split('&').enumerate() {
                if index > 0 {
                    target.push('&');
                }
                match part.strip_prefix("page=") {
                    Some(token) => {
                        target.push_str("page=");
                        target.push_str(&self.token(token, path));
                    }
                    None => target.push_str(part),
                }
            }
        }
        target
    }

    /// Whether a request target has a token whose live one is not known: no pair gave it.
    pub(crate) fn lacks_token(&self, recorded: &str) -> bool {
        let (path, query) = recorded.split_once('?').unwrap_or((recorded, ""));
        let token = query.split('&').find_map(|part| part.strip_prefix("page="));
        token.is_some_and(|token| is_real(token) && self.live(token, path).is_none())
    }

    fn token(&self, recorded: &str, path: &str) -> String {
        match self.live(recorded, path) {
            Some(live) if recorded.contains('%') => live.replace('=', "%3D"),
            Some(live) => live.clone(),
            None => recorded.to_owned(),
        }
    }

    fn live(&self, recorded: &str, path: &str) -> Option<&String> {
        let of_another_route = if path.starts_with("/v1/notifications/") {
            &self.of_lists
        } else {
            &self.of_notifications
        };
        let known = self.names.get(&recorded.replace("%3D", "="));
        known.or_else(|| of_another_route.as_ref().filter(|_| is_real(recorded)))
    }
}

/// Real tokens are long; a short one is a made-up one that must stay as it is.
fn is_real(token: &str) -> bool {
    token.len() >= 40
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_follow_those_of_earlier_answers() {
        let json = |text: &str| serde_json::from_str::<Json>(text).unwrap();
        let recorded = "a".repeat(50) + "==";
        let mut names = LiveNames::default();
        names.learn_tokens(
            &json(&format!(
                r#"{{"Vulnerabilities":[],"NextPage":"{recorded}"}}"#
            )),
            &json(r#"{"Vulnerabilities":[],"NextPage":"live="}"#),
        );
        names.learn("some-uuid", "other-uuid");
        assert_eq!(
            names.target(&format!("/v1/x?limit=2&page={recorded}")),
            "/v1/x?limit=2&page=live="
        );
        let encoded = recorded.replace('=', "%3D");
        assert_eq!(
            names.target(&format!("/v1/x?page={encoded}&limit=1")),
            "/v1/x?page=live%3D&limit=1"
        );
        assert_eq!(names.target("/v1/x?page=zz"), "/v1/x?page=zz");
        let unknown = "b".repeat(60);
        assert!(names.lacks_token(&format!("/v1/x?page={unknown}")));
        assert!(!names.lacks_token(&format!("/v1/x?page={recorded}")));
        assert!(!names.lacks_token("/v1/x?page=zz") && !names.lacks_token("/v1/x"));
        assert_eq!(
            names.target(&format!("/v1/notifications/some-uuid?page={unknown}")),
            "/v1/notifications/other-uuid?page=live="
        );
    }
}

//! Messages about keys that nobody knows, with the nearest that somebody does.

/// The message, with a suggestion where it is about an unknown key.
pub(super) fn explain(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let mut first_line = message.lines().next().unwrap_or_default().to_owned();
    if !message.contains("unknown field") {
        return first_line;
    }
    let Some(unknown) = quoted.next() else {
        return first_line;
    };
    let known: Vec<&str> = quoted.collect();
    let nearest = known
        .iter()
        .map(|key| (distance(unknown, key), *key))
        .min()
        .filter(|(distance, key)| *distance <= key.len() / 2 + 1);
    if let Some((_, key)) = nearest {
        first_line.push_str(&format!("; did you mean `{key}`?"));
    }
    first_line
}

/// Letters to change, add or take away to make one word of the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().take(64).enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (place, other) in row.iter_mut().skip(1).zip(&b) {
            let above = *place;
            *place = (diagonal + usize::from(letter != *other))
                .min(above + 1)
                .min(left + 1);
            diagonal = above;
            left = *place;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_suggested() {
        let message = "unknown field `prot`, expected one of `port`, `healthport`, `timeout`";
        assert!(explain(message).ends_with("did you mean `port`?"));
        let message = "unknown field `zzzzzzzzzz`, expected one of `port`, `timeout`";
        assert!(!explain(message).contains("did you mean"));
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}

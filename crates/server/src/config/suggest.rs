//! Messages about keys that nobody knows, with the nearest that somebody does.

/// The message's first line, which says where and what; the ones behind it repeat the file, whose
/// secrets do not belong into a message. About an unknown key it suggests the nearest.
pub fn explain(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    let Some((place, rest)) = first.split_once("unknown field `") else {
        return first.to_owned();
    };
    let Some((unknown, known)) = rest.split_once('`') else {
        return first.to_owned();
    };
    let known = known
        .split_once("expected one of ")
        .or_else(|| known.split_once("expected "))
        .map_or("", |(_, known)| known);
    let nearest = known
        .split(',')
        .map(|key| key.trim_matches([' ', '`']))
        .filter(|key| !key.is_empty())
        .map(|key| (distance(unknown, key), key))
        .min()
        .filter(|(distance, key)| *distance <= key.len() / 2 + 1);
    match nearest {
        Some((_, key)) => format!("{place}unknown key `{unknown}`; did you mean `{key}`?"),
        None => format!("{place}unknown key `{unknown}`; there are {known}"),
    }
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
        let message =
            "error: line 3 column 5: unknown field `prot`, expected one of port, timeout\nx";
        assert_eq!(
            explain(message),
            "line 3 column 5: unknown key `prot`; did you mean `port`?"
        );
        let message = "unknown field `zzzzzzzzzz`, expected one of `port`, `timeout`";
        assert!(!explain(message).contains("did you mean"));
        assert_eq!(
            explain("unknown field `clare`, expected `clair`"),
            "unknown key `clare`; did you mean `clair`?"
        );
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}

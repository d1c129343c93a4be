//! Lines of even length: breaks are where the sum of the squared rests of all lines is least.
//!
//! That is how Clair's client wraps, so a line may end earlier than it has to. Line breaks of the
//! text count as spaces; several spaces stay.

/// What a line longer than the width costs beside its square.
const TOO_LONG: u64 = 100_000;

/// Breaks a text into lines of at most `width` characters, but for longer words.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let text = text.trim().replace('\n', " ");
    let words: Vec<&str> = text.split(' ').collect();
    let lengths: Vec<usize> = words.iter().map(|word| word.chars().count()).collect();
    // From the last word on: what the lines from this word cost, and where the next line begins.
    let mut best: Vec<(u64, usize)> = Vec::with_capacity(words.len() + 1);
    let mut rest = 0;
    for (index, length) in lengths.iter().enumerate().rev() {
        rest += length + usize::from(index + 1 < words.len());
        let at = |word: usize| best.get((words.len() - 1).wrapping_sub(word)).copied();
        best.push(if rest <= width || index + 1 == words.len() {
            (0, words.len())
        } else {
            cheapest(&lengths, index, width, at)
        });
    }
    let mut lines = Vec::new();
    let mut first = 0;
    while let Some((_, next)) = words
        .len()
        .checked_sub(first + 1)
        .and_then(|from_last| best.get(from_last))
    {
        let line = words.get(first..*next).unwrap_or_default();
        lines.push(line.join(" "));
        first = (*next).max(first + 1);
    }
    lines
}

fn cheapest(
    lengths: &[usize],
    first: usize,
    width: usize,
    at: impl Fn(usize) -> Option<(u64, usize)>,
) -> (u64, usize) {
    let mut best = (u64::MAX, lengths.len());
    let mut line = 0;
    for next in first + 1..lengths.len() {
        line += lengths.get(next - 1).unwrap_or(&0) + usize::from(next > first + 1);
        let rest = line.abs_diff(width) as u64;
        let mut cost = rest.saturating_mul(rest);
        if line > width {
            cost = cost.saturating_add(TOO_LONG);
            // From here on each further word makes it worse.
            if cost >= best.0 {
                break;
            }
        }
        cost = cost.saturating_add(at(next).map_or(0, |(cost, _)| cost));
        if cost < best.0 {
            best = (cost, next);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_even_rather_than_full() {
        assert_eq!(wrap("aaa bb cc ddddd", 6), ["aaa", "bb cc", "ddddd"]);
        assert_eq!(
            wrap("The quick brown fox jumps", 10),
            ["The quick", "brown fox", "jumps"]
        );
        assert_eq!(wrap("short", 80), ["short"]);
        assert_eq!(wrap(" two\nlines  apart ", 80), ["two lines  apart"]);
        assert_eq!(wrap("", 80), [""]);
        let long = "x".repeat(200);
        // One line that is too long costs less than a short one beside one that is too long.
        let with_a = format!("a {long}");
        assert_eq!(wrap(&format!("{with_a} b"), 80), [with_a.as_str(), "b"]);
    }

    #[test]
    fn a_long_text_takes_linear_time() {
        let text = "word ".repeat(200_000);
        assert_eq!(wrap(&text, 80).len(), 12_500);
    }
}

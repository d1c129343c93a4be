//! Lines and columns on a terminal: painting, measuring, wrapping.
//!
//! Text enters as [`Span`]s, and a span escapes its text, so that nothing else can reach the
//! stream. Widths are those a terminal gives letters (East Asian letters take two columns).

use std::io::{self, Write};

use anstyle::{AnsiColor, Style as Ansi};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::{Style, escape};

/// The narrowest page that is laid out; on a narrower terminal lines run over.
const NARROWEST: usize = 40;

/// Between two columns.
const GAP: usize = 2;

/// How a span looks where colours are allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Paint {
    Plain,
    Bold,
    Dim,
    Alarm,
    Bad,
    Middling,
    Slight,
    Good,
}

impl Paint {
    const fn ansi(self) -> Ansi {
        match self {
            Self::Plain => Ansi::new(),
            Self::Bold => Ansi::new().bold(),
            Self::Dim => Ansi::new().dimmed(),
            Self::Alarm => AnsiColor::Red.on_default().bold(),
            Self::Bad => AnsiColor::Red.on_default(),
            Self::Middling => AnsiColor::Yellow.on_default(),
            Self::Slight => AnsiColor::Blue.on_default(),
            Self::Good => AnsiColor::Green.on_default(),
        }
    }
}

/// Some text in one paint, as yet unescaped.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    text: String,
    paint: Paint,
}

/// A span.
pub(crate) fn span(paint: Paint, text: impl Into<String>) -> Span {
    Span {
        text: text.into(),
        paint,
    }
}

/// A span in no paint.
pub(crate) fn plain(text: impl Into<String>) -> Span {
    span(Paint::Plain, text)
}

/// One cell: a line before wrapping.
pub(crate) type Cell = Vec<Span>;

/// A piece of a word in one paint.
type Piece = (String, Paint);

/// Letters without a space between them.
#[derive(Default)]
struct Word {
    pieces: Vec<Piece>,
    width: usize,
}

/// A wrapped line and its width.
#[derive(Default)]
struct Line {
    pieces: Vec<Piece>,
    width: usize,
}

/// Writes lines in a style.
pub(crate) struct Page<'a> {
    out: &'a mut dyn Write,
    style: Style,
}

impl<'a> Page<'a> {
    pub(crate) fn new(out: &'a mut dyn Write, style: &Style) -> Self {
        Self { out, style: *style }
    }

    /// An empty line.
    pub(crate) fn gap(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }

    /// A paragraph, indented by `indent`; the lines after its first by two columns more.
    pub(crate) fn paragraph(&mut self, indent: usize, cell: &[Span]) -> io::Result<()> {
        let width = self
            .width()
            .map(|width| width.saturating_sub(indent + 2).max(1));
        for (number, line) in self.wrap(cell, width).into_iter().enumerate() {
            self.spaces(if number == 0 { indent } else { indent + 2 })?;
            self.line(&line)?;
            writeln!(self.out)?;
        }
        Ok(())
    }

    /// The widths in which rows of these cells fit on the page.
    pub(crate) fn columns(&self, rows: &[Vec<Cell>]) -> Vec<usize> {
        let count = rows.iter().map(Vec::len).max().unwrap_or(0);
        let mut natural = vec![0; count];
        for row in rows {
            for (widest, cell) in natural.iter_mut().zip(row) {
                *widest = (*widest).max(self.measure(cell));
            }
        }
        let Some(width) = self.width() else {
            return natural;
        };
        // Narrow columns get what they need, the wide ones share the rest; the last one, which says
        // most, takes two shares.
        let mut left = width.saturating_sub(GAP * count.saturating_sub(1));
        let mut wide: Vec<(usize, usize)> = natural.iter().copied().enumerate().collect();
        wide.sort_by_key(|(_, natural)| std::cmp::Reverse(*natural));
        while let Some((_, natural)) = wide.last()
            && *natural <= left / wide.len()
        {
            left -= *natural;
            wide.pop();
        }
        let shares = wide.len() + usize::from(wide.iter().any(|(column, _)| column + 1 == count));
        let mut widths = natural;
        for (column, natural) in wide {
            let weight = if column + 1 == count { 2 } else { 1 };
            if let Some(width) = widths.get_mut(column) {
                *width = natural.min((left * weight / shares.max(1)).max(1));
            }
        }
        widths
    }

    /// One row of cells in columns of these widths.
    pub(crate) fn row(&mut self, widths: &[usize], cells: &[Cell]) -> io::Result<()> {
        let wrapped: Vec<Vec<Line>> = cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| self.wrap(cell, Some(*width)))
            .collect();
        let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
        for number in 0..height {
            // Spaces are owed until something follows them: no line ends in one.
            let mut owed = 0;
            for (lines, width) in wrapped.iter().zip(widths) {
                let line = lines.get(number);
                let used = line.map_or(0, |line| line.width);
                if let Some(line) = line.filter(|line| line.width > 0) {
                    self.spaces(owed)?;
                    self.line(line)?;
                    owed = 0;
                }
                owed += width.saturating_sub(used) + GAP;
            }
            writeln!(self.out)?;
        }
        Ok(())
    }

    /// The mark for something left out.
    pub(crate) const fn ellipsis(&self) -> &'static str {
        if self.style.unicode { "…" } else { "..." }
    }

    fn width(&self) -> Option<usize> {
        self.style.width.map(|width| width.max(NARROWEST))
    }

    fn measure(&self, cell: &[Span]) -> usize {
        cell.iter()
            .map(|span| escape::text(&span.text, self.style.unicode).width())
            .sum()
    }

    fn spaces(&mut self, count: usize) -> io::Result<()> {
        write!(self.out, "{:count$}", "")
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        for (text, paint) in &line.pieces {
            if self.style.color && *paint != Paint::Plain {
                let ansi = paint.ansi();
                write!(self.out, "{ansi}{text}{ansi:#}")?;
            } else {
                self.out.write_all(text.as_bytes())?;
            }
        }
        Ok(())
    }

    fn wrap(&self, cell: &[Span], width: Option<usize>) -> Vec<Line> {
        let width = width.unwrap_or(usize::MAX);
        let mut lines = Vec::new();
        let mut line = Line::default();
        for word in self.words(cell) {
            if line.width > 0 && line.width + 1 + word.width > width {
                lines.push(std::mem::take(&mut line));
            }
            if line.width > 0 {
                line.push(" ", line.paint_before(&word));
            }
            if word.width <= width {
                for (text, paint) in word.pieces {
                    line.push(&text, paint);
                }
            } else {
                hew(word, width, &mut line, &mut lines);
            }
        }
        lines.push(line);
        lines
    }

    fn words(&self, cell: &[Span]) -> Vec<Word> {
        let mut words = Vec::new();
        let mut word = Word::default();
        for span in cell {
            let text = escape::text(&span.text, self.style.unicode);
            for (number, part) in text.split(' ').enumerate() {
                if number > 0 && word.width > 0 {
                    words.push(std::mem::take(&mut word));
                }
                if !part.is_empty() {
                    word.width += part.width();
                    word.pieces.push((part.to_owned(), span.paint));
                }
            }
        }
        if word.width > 0 {
            words.push(word);
        }
        words
    }
}

impl Line {
    /// The paint of the space before a word: that of its neighbours where they agree.
    fn paint_before(&self, word: &Word) -> Paint {
        match (self.pieces.last(), word.pieces.first()) {
            (Some((_, before)), Some((_, after))) if before == after => *before,
            _ => Paint::Plain,
        }
    }

    fn push(&mut self, text: &str, paint: Paint) {
        self.width += text.width();
        match self.pieces.last_mut() {
            // One run of letters, one pair of colour sequences.
            Some((last, last_paint)) if *last_paint == paint => last.push_str(text),
            _ => self.pieces.push((text.to_owned(), paint)),
        }
    }
}

/// Breaks a word that is wider than the line.
fn hew(word: Word, width: usize, line: &mut Line, lines: &mut Vec<Line>) {
    for (text, paint) in word.pieces {
        for c in text.chars() {
            // Where two colons would start a line, a build service might see a command: there the
            // line runs over.
            let runs_over = c == ':';
            if line.width > 0 && line.width + c.width().unwrap_or(0) > width && !runs_over {
                lines.push(std::mem::take(line));
            }
            line.push(c.encode_utf8(&mut [0; 4]), paint);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(style: Style, write: impl FnOnce(&mut Page<'_>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut Page::new(&mut out, &style)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn wide_columns_share_what_narrow_ones_leave() {
        let style = Style {
            width: Some(40),
            ..Style::default()
        };
        let row = vec![
            vec![plain("High")],
            vec![plain("a-package-with-a-long-name")],
            vec![plain("upgrade it to the version that has the fix")],
        ];
        let text = shown(style, |page| {
            let widths = page.columns(std::slice::from_ref(&row));
            page.row(&widths, &row)
        });
        assert_eq!(
            text,
            "High  a-package-  upgrade it to the\n      \
                   with-a-lon  version that has the\n      \
                   g-name      fix\n",
        );
        assert!(text.lines().all(|line| line.width() <= 40), "{text}");
    }

    #[test]
    fn colours_are_written_only_where_allowed_and_around_words() {
        let cell = [span(Paint::Alarm, "NOT COVERED"), plain(": pypi")];
        let without = shown(Style::default(), |page| page.paragraph(0, &cell));
        assert_eq!(without, "NOT COVERED: pypi\n");
        let style = Style {
            color: true,
            ..Style::default()
        };
        let with = shown(style, |page| page.paragraph(0, &cell));
        assert!(
            with.starts_with("\x1b[1m\x1b[31mNOT COVERED\x1b[0m:"),
            "{with:?}"
        );
    }

    #[test]
    fn a_broken_word_never_starts_a_line_with_a_command() {
        let style = Style {
            width: Some(40),
            ..Style::default()
        };
        for length in 20..60 {
            let word = format!("{}::set-env::", "x".repeat(length));
            let text = shown(style, |page| page.paragraph(2, &[plain(word)]));
            assert!(
                !text.lines().any(|line| line.trim_start().starts_with("::")),
                "{text}"
            );
        }
    }
}

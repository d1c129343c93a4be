//! Bars on standard error while something takes long: reading layers, fetching feeds.
//!
//! Only on a terminal, and not with `-q`. They are gone when the work is done, so that nothing of
//! them mixes with a report.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use pellucid_model::Image;
use pellucid_updater::{Outcome, UpdateProgress};

use crate::args::Talk;

const BYTES: &str = "{prefix:<16} {bar:30} {bytes}/{total_bytes}";
const BYTES_SO_FAR: &str = "{prefix:<16} {spinner} {bytes} {msg}";

fn target(talk: &Talk) -> ProgressDrawTarget {
    if talk.quiet || !std::io::stderr().is_terminal() {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

/// A bar over the bytes of all layers.
pub(crate) struct LayerBar {
    bar: ProgressBar,
    read: Vec<AtomicU64>,
}

impl LayerBar {
    pub(crate) fn new(talk: &Talk, image: &Image) -> Self {
        let total = image
            .layers
            .iter()
            .fold(0_u64, |total, layer| total.saturating_add(layer.size));
        let bar = ProgressBar::with_draw_target(Some(total), target(talk))
            .with_style(style(BYTES))
            .with_prefix("reading layers");
        Self {
            bar,
            read: image.layers.iter().map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

impl pellucid_image::Progress for LayerBar {
    fn bytes(&self, layer: usize, read: u64) {
        if let Some(place) = self.read.get(layer) {
            // A layer may be read again for files that links lead to: its bar stays full.
            let before = place.fetch_max(read, Ordering::Relaxed);
            self.bar.inc(read.saturating_sub(before));
        }
    }
}

impl Drop for LayerBar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A bar for each feed that is fetched.
pub(crate) struct FeedBars {
    bars: MultiProgress,
    by_key: Mutex<BTreeMap<String, ProgressBar>>,
}

impl FeedBars {
    pub(crate) fn new(talk: &Talk) -> Self {
        Self {
            bars: MultiProgress::with_draw_target(target(talk)),
            by_key: Mutex::new(BTreeMap::new()),
        }
    }

    /// Takes all bars away.
    pub(crate) fn clear(&self) {
        // Nobody sees it if it fails.
        let _ = self.bars.clear();
    }

    fn bar(&self, key: &str) -> ProgressBar {
        let mut by_key = self.by_key.lock().unwrap_or_else(PoisonError::into_inner);
        by_key
            .entry(key.to_owned())
            .or_insert_with(|| {
                let bar = ProgressBar::new(0).with_prefix(key.to_owned());
                self.bars.add(bar)
            })
            .clone()
    }
}

impl UpdateProgress for FeedBars {
    fn downloading(&self, key: &str, _: &str, bytes: u64, total: Option<u64>) {
        let bar = self.bar(key);
        match total {
            Some(total) if bar.length() != Some(total) => {
                bar.set_style(style(BYTES));
                bar.set_length(total);
            }
            Some(_) => {}
            None => bar.set_style(style(BYTES_SO_FAR)),
        }
        bar.set_position(bytes);
    }

    fn waiting(&self, key: &str, _: &str, reason: &str, pause: Duration) {
        let bar = self.bar(key);
        bar.set_style(style(BYTES_SO_FAR));
        let seconds = pause.as_secs_f32().ceil();
        let message = format!("{reason}; next try in {seconds} s");
        bar.set_message(pellucid_report::escape(&message, false).into_owned());
    }

    fn reading(&self, key: &str) {
        let bar = self.bar(key);
        bar.set_style(style(BYTES_SO_FAR));
        bar.set_message("reading");
    }

    fn finished(&self, outcome: &Outcome) {
        self.bar(&outcome.key).finish_and_clear();
    }
}

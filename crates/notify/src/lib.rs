//! From the outbox to the receiver: each notification is sent until it arrives.
//!
//! Place in the flow: store -> **notify** -> an operator's webhook. What is sent is Clair 2.x's message
//! to the byte: a name, by which the receiver asks the API for the rest. What always holds:
//!
//! - At least once, under a name that never changes; receivers tell duplicates by it.
//! - A delivery that fails stands in nobody's way: it is due again later, others go on.
//! - Nothing is lost without a trace: what is given up is listed, and can be sent again.
//!
//! Not here: what is worth a notification (the server decides) and its body (the API).

mod connect;
#[doc(hidden)]
pub mod hostile;
mod notifier;
mod pause;
mod signature;
mod tls;
mod webhook;

pub use notifier::{Notifier, Options, RECEIVER, Watch};
pub use signature::{Secrets, SecretsError};
pub use webhook::{Refused, Webhook, WebhookError, WebhookOptions};

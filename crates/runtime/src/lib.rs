//! What every controller shares: flags, logs, metrics, election, queues, status, events.

//! Why the database refuses, in words for an operator, and what follows from it. Nothing here may decide what to do.

use rusqlite::ErrorCode;

/// What stands in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Another program holds it.
    Locked,
    ReadOnly,
    /// No room on the disk.
    Full,
    /// The file is no database, or not a whole one.
    Damaged,
    /// It is somebody else's, or of a later version.
    Foreign,
    /// The folder or the disk refuses.
    Disk,
    /// A question that reads too much.
    Long,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", self.summary())]
pub(crate) struct StoreTrouble {
    pub(crate) cause: Cause,
    pub(crate) detail: String,
}

impl StoreTrouble {
    pub(super) fn foreign(detail: String) -> Self {
        Self { cause: Cause::Foreign, detail }
    }

    /// In a few words.
    pub(crate) fn summary(&self) -> &'static str {
        match self.cause {
            Cause::Locked => "another program holds queues.sqlite",
            Cause::ReadOnly => "queues.sqlite cannot be written",
            Cause::Full => "there is no room for queues.sqlite",
            Cause::Damaged => "queues.sqlite is damaged",
            Cause::Foreign => "queues.sqlite is not ours",
            Cause::Disk => "the disk of queues.sqlite refuses",
            Cause::Long => "queues.sqlite was not read in time",
        }
    }

    /// What to do about it.
    pub(crate) fn cure(&self) -> &'static str {
        match self.cause {
            Cause::Locked => "end the program that writes to it; reading it with sqlite3 is no obstacle",
            Cause::ReadOnly => "let this user write the data folder and queues.sqlite; it goes on by itself",
            Cause::Full => "make room on that disk, or shorten queues.keep_for; it goes on by itself",
            Cause::Damaged | Cause::Foreign => "it is set aside by itself, and a new one is begun",
            Cause::Long => "ask for a shorter time",
            Cause::Disk => "look at the system's log for the disk; it goes on by itself when it can",
        }
    }

    /// True where the file must be set aside and begun anew.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self.cause, Cause::Damaged | Cause::Foreign)
    }
}

impl From<rusqlite::Error> for StoreTrouble {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error as E;
        let is_odd = matches!(
            error,
            E::InvalidColumnType(..)
                | E::IntegralValueOutOfRange(..)
                | E::FromSqlConversionFailure(..)
                | E::Utf8Error(..)
        );
        let cause = match error.sqlite_error_code() {
            // A value of another type than we write.
            None if is_odd => Cause::Damaged,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Cause::Locked,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                Cause::ReadOnly
            }
            Some(ErrorCode::OperationInterrupted) => Cause::Long,
            Some(ErrorCode::DiskFull) => Cause::Full,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Cause::Damaged,
            // Tables that are gone, or hold what we never write.
            Some(ErrorCode::Unknown | ErrorCode::TypeMismatch | ErrorCode::ConstraintViolation) => {
                Cause::Damaged
            }
            _ => Cause::Disk,
        };
        Self { cause, detail: error.to_string() }
    }
}

impl From<std::io::Error> for StoreTrouble {
    fn from(error: std::io::Error) -> Self {
        Self { cause: Cause::Disk, detail: error.to_string() }
    }
}

//! `POST /-/reload`, where the configuration allows it: the configuration is read again, and the answer says what became
//! of it. Nothing here may read a file.

use super::Desk;
use super::problem::Problem;
use crate::sidecar::reload::Wish;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::oneshot;

/// Answers when it is done: 500 with what is wrong where nothing changed.
pub(crate) async fn reload(State(desk): State<Desk>) -> Result<Json<Value>, Problem> {
    let Some(reload) = &desk.shared.subject.reload else {
        return Err(Problem::forbidden(
            "reading the configuration again over HTTP is switched off; set web.enable_lifecycle = true and restart, or \
             send SIGHUP",
        ));
    };
    let (answer, answered) = oneshot::channel();
    let busy =
        || Problem::unavailable("the configuration is being read again already; ask again in a moment");
    reload.try_send(Wish { answer: Some(answer) }).map_err(|_| busy())?;
    match answered.await {
        Ok(Ok(reloaded)) => Ok(Json(json!({"reloaded": true, "needs_restart": reloaded.left}))),
        Ok(Err(why)) => Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, why)),
        Err(_) => Err(Problem::unavailable("we are stopping")),
    }
}

//! Tools that the heart itself carries out, because they act on the call and not on the world.

use serde_json::json;

use super::ToolSpec;

/// Ends the call, after the last words.
pub const HANG_UP: &str = "hang_up";

pub(super) fn specs() -> Vec<ToolSpec> {
    vec![ToolSpec {
        name: HANG_UP.to_owned(),
        description: "End the call. Say goodbye first; what you have said is played to its end before the line is \
                      closed."
            .to_owned(),
        parameters: json!({ "type": "object", "properties": {}, "additionalProperties": false }),
    }]
}

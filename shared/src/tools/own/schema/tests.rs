use proptest::prelude::*;
use serde_json::json;

use super::*;

fn told(schema: &Value) -> String {
    faults(schema).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn order() -> Value {
    json!({
        "type": "object",
        "properties": {
            "order": { "type": "string", "minLength": 4, "maxLength": 8 },
            "items": { "type": "array", "items": { "type": "integer", "minimum": 1 }, "maxItems": 3 },
        },
        "required": ["order"],
        "additionalProperties": false,
    })
}

#[test]
fn a_schema_that_is_none_is_told_what_is_wrong_with_it() {
    assert_eq!(told(&order()), "");
    let of_a = |schema: Value| told(&json!({ "type": "object", "properties": { "a": schema } }));
    assert!(told(&json!({ "type": "array" })).contains("whose `type` is `object`"));
    assert_eq!(of_a(json!({ "type": "strin" })), "/properties/a/type: is not what a schema has there");
    assert_eq!(of_a(json!({ "required": "a" })), "/properties/a/required: is not what a schema has there");
    assert_eq!(of_a(json!({ "anyOf": [] })), "/properties/a/anyOf: must be a list of schemas");
    assert!(of_a(json!({ "items": 7 })).starts_with("/properties/a/items: is no schema"));
    for wrong in [json!(null), json!("object"), json!(7), json!([])] {
        assert!(!told(&wrong).is_empty(), "{wrong}");
    }
}

#[test]
fn a_word_that_is_not_judged_is_not_passed_over() {
    for word in ["pattern", "$ref", "$dynamicRef", "patternProperties", "if", "prefixItems", "minimun"] {
        let schema = json!({ "type": "object", "properties": { "a": { (word): "#" } } });
        assert!(told(&schema).starts_with(&format!("/properties/a/{word}: is no word")), "{}", told(&schema));
        assert_eq!(check(&schema, &json!({})).unwrap_err().kind, ToolErrorKind::Internal, "nor run");
    }
    let named = json!({ "type": "object", "properties": { "$ref": { "type": "string", "format": "date" } } });
    assert_eq!(told(&named), "", "an argument may have that name");
    let deep = (0..40).fold(json!({}), |inner, _| json!({ "items": inner }));
    assert!(told(&json!({ "type": "object", "properties": { "a": deep } })).contains("nested more than 16 deep"));
}

#[test]
fn arguments_are_told_what_to_mend_and_not_quoted() {
    let check = |arguments: Value| check(&order(), &arguments).map_err(|error| error.message);
    assert_eq!(check(json!({ "order": "AB12", "items": [1, 2] })), Ok(()));
    let faults = check(json!({ "order": "my mother's", "items": [1, 0, "x"], "I live in Rome": 1 })).unwrap_err();
    for part in
        ["`/order` must have 8 characters or fewer", "`/items/1` must be 1 or more", "`/items/2` must be integer"]
    {
        assert!(faults.contains(part), "{faults}");
    }
    assert!(!faults.contains("mother") && !faults.contains("Rome"), "{faults}");
    assert_eq!(check(json!({})).unwrap_err(), "The arguments are not as they should be: lacks `order`.");
    assert!(check(json!([])).unwrap_err().contains("must be object"));
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|it| json!(it)),
        (-3_i64..4).prop_map(|it| json!(it)),
        prop::sample::select(vec![json!(1.0), json!(0.5), json!(-1.5), json!(0.3), json!(u64::MAX), json!(1e300)]),
        "[aé]{0,3}".prop_map(|it| json!(it)),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|it| json!(it)),
            prop::collection::btree_map("[ab]", inner, 0..3).prop_map(|it| json!(it)),
        ]
    })
}

fn schema() -> impl Strategy<Value = Value> {
    let kind = prop::sample::select(TYPES.to_vec());
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        kind.clone().prop_map(|it| json!({ "type": it })),
        (kind.clone(), kind).prop_filter("told apart", |(a, b)| a != b).prop_map(|(a, b)| json!({ "type": [a, b] })),
        value().prop_map(|it| json!({ "const": it })),
        prop::collection::vec(value(), 1..3).prop_map(|it| json!({ "enum": it })),
        (0_u64..3, 0_u64..3).prop_map(|(a, b)| json!({ "minLength": a, "maxLength": b })),
        (0_u64..3, 0_u64..3).prop_map(|(a, b)| json!({ "minItems": a, "maxItems": b, "uniqueItems": a == b })),
        (0_u64..3, 0_u64..3).prop_map(|(a, b)| json!({ "minProperties": a, "maxProperties": b })),
        (-2_i64..3, -2_i64..3).prop_map(|(a, b)| json!({ "minimum": a, "maximum": b })),
        (-2_i64..3, -2_i64..3).prop_map(|(a, b)| json!({ "exclusiveMinimum": a, "exclusiveMaximum": b })),
        prop::sample::select(vec![json!(1), json!(2), json!(0.5), json!(0.1)])
            .prop_map(|it| json!({ "multipleOf": it })),
        prop::collection::btree_set("[abc]", 0..3).prop_map(|it| json!({ "required": it })),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let several = prop::collection::vec(inner.clone(), 1..3);
        let fields = prop::collection::btree_map("[ab]", inner.clone(), 0..3);
        prop_oneof![
            inner.clone().prop_map(|it| json!({ "items": it })),
            inner.clone().prop_map(|it| json!({ "not": it })),
            (fields, inner).prop_map(|(of, it)| json!({ "properties": of, "additionalProperties": it })),
            several.clone().prop_map(|it| json!({ "allOf": it })),
            several.clone().prop_map(|it| json!({ "anyOf": it })),
            several.prop_map(|it| json!({ "oneOf": it })),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_judged_is_judged_as_the_standard_says(schema in schema(), value in value()) {
        prop_assert_eq!(told_of(&schema), Vec::<Fault>::new());
        let whole = jsonschema::validator_for(&schema).unwrap();
        prop_assert_eq!(check::told(&schema, &value).is_empty(), whole.is_valid(&value));
    }
}

/// Of any schema, not of arguments only.
fn told_of(schema: &Value) -> Vec<Fault> {
    let mut faults = Faults::default();
    judge(schema, "", 0, &mut faults);
    faults.0
}

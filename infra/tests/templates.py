"""CloudFormation templates, read and worked out: what a stack would be made of, given values for its parameters.

What only AWS knows is left open and written `<Logical>`, `<Logical.Attribute>` or `<AWS::Region>`, in a nested stack
`<Nested/Logical>`; an output of a nested stack is what it stands for. Whatever CloudFormation would refuse is a `Fault`
that says what to change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

EVERYWHERE = {"AWS::AccountId", "AWS::Partition", "AWS::Region", "AWS::URLSuffix"}
NO_VALUE = object()
NESTED = "AWS::CloudFormation::Stack"
FUNCTION = "AWS::Serverless::Function"


class Fault(Exception):
    """What CloudFormation would refuse, and what to change."""


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """YAML with CloudFormation's tags, each as its long form; a key that stands twice is a fault."""


def _tag(loader: Any, suffix: str, node: yaml.Node) -> dict[str, Any]:
    match node:
        case yaml.ScalarNode():
            value: Any = loader.construct_scalar(node)
        case yaml.SequenceNode():
            value = loader.construct_sequence(node, deep=True)
        case _:
            value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[str, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    for key in {key for key in keys if keys.count(key) > 1}:
        raise Fault(f"line {node.start_mark.line + 1}: {key} stands twice in one mapping")
    return loader.construct_mapping(node, deep=True)


Loader.add_multi_constructor("!", _tag)
Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


@cache
def load(file: Path) -> dict[str, Any]:
    return yaml.load(file.read_text(), Loader)


def refusal(parameter: dict[str, Any], value: str) -> str | None:
    """Why this value may not be given, as far as the value is known."""
    if "<" in value:
        return None
    if "AllowedValues" in parameter and value not in map(text, parameter["AllowedValues"]):
        return f"is none of {parameter['AllowedValues']}"
    if "AllowedPattern" in parameter and not re.fullmatch(parameter["AllowedPattern"], value):
        return f"does not match {parameter['AllowedPattern']}"
    if not parameter.get("MinLength", 0) <= len(value) <= parameter.get("MaxLength", 4096):
        return "is too short or too long"
    if parameter["Type"] == "Number":
        if not re.fullmatch(r"-?\d+(\.\d+)?", value):
            return "is no number"
        if not parameter.get("MinValue", float("-inf")) <= float(value) <= parameter.get("MaxValue", float("inf")):
            return "is too small or too large"
    return None


def text(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case list():
            return ",".join(map(text, value))
        case _:
            return str(value)


class Stack:
    """A template with values for its parameters."""

    def __init__(self, file: Path, given: Mapping[str, Any], within: str = "") -> None:
        self.file, self.within, self.template = file, within, load(file)
        self.parameters = self._parameters(given)
        self._conditions: dict[str, bool] = {}
        self._nested: dict[str, Stack] = {}
        self._properties: dict[str, dict[str, Any]] = {}

    # Parts

    def __iter__(self) -> Iterator[str]:
        """The resources that there are, by their logical names."""
        return (name for name in self.template["Resources"] if self.has(name))

    def has(self, name: str) -> bool:
        condition = self._declared(name).get("Condition")
        return condition is None or self.condition(condition)

    def type(self, name: str) -> str:
        return self._declared(name)["Type"]

    def depends(self, name: str) -> set[str]:
        named = self._declared(name).get("DependsOn", [])
        return {named} if isinstance(named, str) else set(named)

    def properties(self, name: str) -> dict[str, Any]:
        """Worked out, and not to be changed; a function's with those of `Globals` that it has none of its own for."""
        if name not in self._properties:
            self._properties[name] = self._worked_out(name)
        return self._properties[name]

    def _worked_out(self, name: str) -> dict[str, Any]:
        own = self.value(self._declared(name).get("Properties", {}))
        if self.type(name) != FUNCTION:
            return own
        everyones = self.value(self.template.get("Globals", {}).get("Function", {}))
        variables = everyones.get("Environment", {}).get("Variables", {})
        variables |= own.get("Environment", {}).get("Variables", {})
        return everyones | own | {"Environment": {"Variables": variables}}

    def of_type(self, *types: str) -> dict[str, dict[str, Any]]:
        return {name: self.properties(name) for name in self if self.type(name) in types}

    def nested(self, name: str) -> Stack:
        self._there(name)
        if name not in self._nested:
            properties = self.properties(name)
            file = self.file.parent / properties["TemplateURL"]
            self._nested[name] = Stack(file, properties.get("Parameters", {}), f"{self.within}{name}/")
        return self._nested[name]

    def stacks(self) -> Iterator[Stack]:
        """Itself, and all that are nested in it."""
        yield self
        for name in self:
            if self.type(name) == NESTED:
                yield from self.nested(name).stacks()

    def output(self, name: str) -> Any:
        outputs = self.template.get("Outputs", {})
        if name not in outputs:
            raise Fault(f"{self.file.name} has no output {name}: add it there, or ask for one of {sorted(outputs)}")
        condition = outputs[name].get("Condition")
        if condition is not None and not self.condition(condition):
            raise Fault(f"{self.file.name}: there is no output {name} without its condition {condition}")
        return self.value(outputs[name]["Value"])

    def condition(self, name: str) -> bool:
        if name not in self._conditions:
            conditions = self.template.get("Conditions", {})
            if name not in conditions:
                raise Fault(f"{self.file.name} has no condition {name}")
            self._conditions[name] = self._decide(conditions[name])
        return self._conditions[name]

    def broken_rules(self) -> list[str]:
        broken = []
        for rule in self.template.get("Rules", {}).values():
            if self._decide(rule.get("RuleCondition", True)):
                broken += [it["AssertDescription"] for it in rule["Assertions"] if not self._decide(it["Assert"])]
        return broken

    def work_out(self) -> None:
        """Everything in it and below it; a `Fault` tells of the first thing that does not work out."""
        for stack in self.stacks():
            for name in stack:
                try:
                    stack.properties(name)
                except Fault as fault:
                    raise Fault(f"{stack.file.name}, {name}: {fault}") from fault
                for other in stack.depends(name):
                    stack._declared(other)
            for name, output in stack.template.get("Outputs", {}).items():
                if "Condition" not in output or stack.condition(output["Condition"]):
                    stack.output(name)

    # Values

    def value(self, it: Any) -> Any:
        if isinstance(it, list):
            return [value for value in map(self.value, it) if value is not NO_VALUE]
        if not isinstance(it, dict):
            return it
        if len(it) == 1:
            ((function, argument),) = it.items()
            if function == "Ref" or function.startswith("Fn::"):
                return self._call(function.removeprefix("Fn::"), argument)
        values = {key: self.value(value) for key, value in it.items()}
        return {key: value for key, value in values.items() if value is not NO_VALUE}

    def _call(self, function: str, argument: Any) -> Any:
        match function, argument:
            case "Ref", str():
                return self._ref(argument)
            case "GetAtt", [name, attribute]:
                return self._attribute(name, attribute)
            case "Sub", [str() as pattern, dict() as local]:
                return self._fill(pattern, {name: self.value(value) for name, value in local.items()})
            case "Sub", str():
                return self._fill(argument, {})
            case "If", [condition, yes, no]:
                return self.value(yes if self.condition(condition) else no)
            case "Join", [separator, parts]:
                return separator.join(map(text, self.value(parts)))
            case "Split", [separator, whole]:
                return text(self.value(whole)).split(separator)
            case "Select", [index, choices]:
                return self.value(choices)[int(index)]
            case "GetAZs", _:
                return [f"<zone {number}>" for number in range(2)]
            case "Cidr", [block, count, bits]:
                return [f"<{self.value(block)} {bits} {number}>" for number in range(count)]
            case ("Equals" | "Not" | "And" | "Or" | "Contains"), _:
                return self._decide({f"Fn::{function}": argument})
        raise Fault(f"{self.file.name}: !{function} {argument} is more than templates.py knows: teach it")

    def _decide(self, it: Any) -> bool:
        match it:
            case bool():
                return it
            case {"Condition": str() as name}:
                return self.condition(name)
            case {"Fn::Equals": [one, other]}:
                return text(self.value(one)) == text(self.value(other))
            case {"Fn::Not": [one]}:
                return not self._decide(one)
            case {"Fn::And": all_of}:
                return all(map(self._decide, all_of))
            case {"Fn::Or": any_of}:
                return any(map(self._decide, any_of))
            case {"Fn::Contains": [choices, one]}:
                return text(self.value(one)) in map(text, self.value(choices))
        raise Fault(f"{self.file.name}: {it} is no condition that templates.py knows: teach it")

    def _fill(self, pattern: str, local: dict[str, Any]) -> str:
        def filling(found: re.Match[str]) -> str:
            name = found[1].strip()
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in local:
                return text(local[name])
            return text(self._attribute(*name.split(".", 1)) if "." in name else self._ref(name))

        return re.sub(r"\$\{([^}]+)}", filling, pattern)

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in EVERYWHERE:
            return f"<{name}>"
        if name.startswith("AWS::"):
            return f"<{self.within}{name}>"
        if name in self.parameters:
            value, kind = self.parameters[name], self.template["Parameters"][name]["Type"]
            return value.split(",") if kind.startswith(("CommaDelimitedList", "List<")) else value
        logical, _, part = name.partition(".")
        self._there(logical)
        if part and not (part in ("Version", "Alias") and "AutoPublishAlias" in self.properties(logical)):
            raise Fault(f"{self.file.name}: there is no {name}: SAM makes Version and Alias with an AutoPublishAlias")
        return f"<{self.within}{name}>"

    def _attribute(self, name: str, attribute: str) -> Any:
        self._there(name)
        if self.type(name) == NESTED:
            return self.nested(name).output(attribute.removeprefix("Outputs."))
        if (self.type(name), attribute) == ("AWS::SecretsManager::Secret", "Id"):
            return self._ref(name)  # its ARN, both of them
        return f"<{self.within}{name}.{attribute}>"

    # Faults

    def _declared(self, name: str) -> dict[str, Any]:
        if name not in self.template["Resources"]:
            raise Fault(f"{self.file.name} has neither a resource nor a parameter {name}")
        return self.template["Resources"][name]

    def _there(self, name: str) -> None:
        if not self.has(name):
            condition = self._declared(name)["Condition"]
            raise Fault(f"{name} is not there without its condition {condition}: use it in an !If [{condition}, …]")

    def _parameters(self, given: Mapping[str, Any]) -> dict[str, str]:
        declared = self.template.get("Parameters", {})
        for name in given.keys() - declared.keys():
            raise Fault(f"{self.file.name} has no parameter {name}: declare it there, or do not give it")
        for name, parameter in declared.items():
            if name not in given and "Default" not in parameter:
                raise Fault(f"{self.file.name} needs its parameter {name}: give it a value, or a Default")
        values = {name: text(given.get(name, it.get("Default"))) for name, it in declared.items()}
        for name, value in values.items():
            if why := refusal(declared[name], value):
                shown = "the value" if declared[name].get("NoEcho") else repr(value)
                raise Fault(f"{self.file.name} does not take {shown} for {name}: it {why}")
        return values

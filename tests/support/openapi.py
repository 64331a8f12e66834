"""Is an answer what an OpenAPI file says? As much of JSON Schema as the project's file uses, and nothing else."""
import json
import re

KNOWN = {"type", "properties", "required", "additionalProperties", "items", "enum", "oneOf", "description", "format", "minimum", "maximum", "$ref"}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


class Description:
    def __init__(self, path):
        self.file = json.loads(path.read_text())
        self.paths = [(re.compile("".join(r"[^/]+" if part.startswith("{") else re.escape(part)
                                          for part in re.split(r"(\{\w+\})", pattern))), pattern) for pattern in self.file["paths"]]
        # What is spelled out comes before what stands for anything.
        self.paths.sort(key=lambda one: one[1].count("{"))

    def operations(self):
        return {(method.upper(), path): operation for path, methods in self.file["paths"].items() for method, operation in methods.items()}

    def find(self, method, path):
        """(pattern, operation) of a request's path below the root, or None."""
        path = path.partition("?")[0]
        for expression, pattern in self.paths:
            if expression.fullmatch(path) and method.lower() in self.file["paths"][pattern]:
                return pattern, self.file["paths"][pattern][method.lower()]
        return None

    def problems(self, method, path, status, media, body):
        """What is wrong with an answer, as texts."""
        found = self.find(method, path)
        if not found:
            return [f"{method} {path} is not described"]
        response = found[1]["responses"].get(str(status))
        if response is None:
            return [f"{method} {found[0]}: the status {status} is not described"]
        response = self.resolve(response)
        if media not in response.get("content", {}):
            return [f"{method} {found[0]}: {status} with {media} is not described"]
        return list(self.errors(response["content"][media]["schema"], body, f"{method} {found[0]} {status}"))

    def resolve(self, what):
        while "$ref" in what:
            at = self.file
            for part in what["$ref"].removeprefix("#/").split("/"):
                at = at[part]
            what = at
        return what

    def errors(self, schema, value, where):
        schema = self.resolve(schema)
        unknown = set(schema) - KNOWN
        if unknown:
            yield f"{where}: the description uses {sorted(unknown)}, which this checker does not know"
        if "oneOf" in schema:
            fitting = [one for one in schema["oneOf"] if not list(self.errors(one, value, where))]
            if len(fitting) != 1:
                yield f"{where}: fits {len(fitting)} of {len(schema['oneOf'])} choices: {json.dumps(value)[:200]}"
            return
        if "type" in schema:
            types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
            if not any(self.is_type(value, one) for one in types):
                yield f"{where}: is no {' or '.join(types)}: {json.dumps(value)[:200]}"
                return
        if "enum" in schema and value not in schema["enum"]:
            yield f"{where}: {value!r} is none of {schema['enum']}"
        if isinstance(value, dict) and "properties" in schema:
            for name in schema.get("required", []):
                if name not in value:
                    yield f"{where}: {name} is missing"
            for name, one in value.items():
                if name in schema["properties"]:
                    yield from self.errors(schema["properties"][name], one, f"{where}.{name}")
                elif schema.get("additionalProperties") is False:
                    yield f"{where}: {name} is not described"
        if isinstance(value, list) and "items" in schema:
            for number, one in enumerate(value):
                yield from self.errors(schema["items"], one, f"{where}[{number}]")

    @staticmethod
    def is_type(value, name):
        if name == "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        return isinstance(value, TYPES[name])

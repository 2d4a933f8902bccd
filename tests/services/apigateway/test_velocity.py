"""Mapping templates: Velocity's constructs, and what API Gateway adds to them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from freehold.kernel.errors import AwsError
from freehold.services.apigateway import jsonpath, mapping, velocity

# "Example: a mapping template that passes everything on", which the console offers for every
# method.
PASSTHROUGH = """\
#set($allParams = $input.params())
{
"body-json" : $input.json('$'),
"params" : {
#foreach($type in $allParams.keySet())
    #set($params = $allParams.get($type))
"$type" : {
    #foreach($paramName in $params.keySet())
    "$paramName" : "$util.escapeJavaScript($params.get($paramName))"
        #if($foreach.hasNext),#end
    #end
}
    #if($foreach.hasNext),#end
#end
},
"stage-variables" : {
#foreach($key in $stageVariables.keySet())
"$key" : "$util.escapeJavaScript($stageVariables.get($key))"
    #if($foreach.hasNext),#end
#end
},
"context" : {
    "http-method" : "$context.httpMethod",
    "user" : "$context.identity.user"
}
}
"""


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain text, 5$ and #fff", "plain text, 5$ and #fff"),
        ("$name ${name}s $!missing|$missing", "Ada Adas |$missing"),
        ("$map.a $map.get('a') $map['a'] $list[1] $list.get(0)", "1 1 1 y x"),
        ("#set($a = 1 + 2 * 3)$a", "7"),
        ("#set($a = 7 / 2)$a #set($b = -7 % 4)$b", "3 1"),
        ("#if($name == 'Ada')yes#{else}no#end", "yes"),
        ("#if(!$missing)a#end#if($name && $zero == 0)b#end", "ab"),
        ("#if($empty)empty strings are true#end", "empty strings are true"),
        ("#if(1 > 2)a#elseif(2 ge 2)b#else c#end", "b"),
        ("#foreach($x in $list)$foreach.index:$x#if($foreach.hasNext),#end#end", "0:x,1:y"),
        ("#foreach($x in [1..3])$x#if($x == 2)#break#end#end", "12"),
        ("a #stop b", "a "),
        ('#set($s = "Hi $name, ${map.a}")$s', "Hi Ada, 1"),
        ("#set($s = 'Hi $name')$s", "Hi $name"),
        ('#set($m = {"k": [1, true, null]})$m.k.size() $m.k', "3 [1,true,null]"),
        ("#set($l = [])#foreach($x in $list)#set($n = $l.add($x))#end$l.size()", "2"),
        ("a## a comment\nb#* another *#c", "abc"),
        ("$name.toUpperCase().substring(1) $name.replaceAll('a$', 'b')", "DA Adb"),
        ("$map", "{a=1, b={c=d}}"),
        ("\\$name \\#if", "$name #if"),
        ("#if($name)\nline\n#end\n", "line\n"),
    ],
)
def test_a_template_renders(template: str, text: str) -> None:
    variables: dict[str, Any] = {
        "name": "Ada",
        "empty": "",
        "zero": 0,
        "map": {"a": 1, "b": {"c": "d"}},
        "list": ["x", "y"],
    }
    assert velocity.render(template, variables) == text


@pytest.mark.parametrize(
    "template",
    [
        "#if($a)",
        "#foreach($a in [1])x",
        "#set($a = )",
        "#end",
        "#set(a = 1)",
        "#if(1)a#else b#else c#end",
    ],
)
def test_what_is_no_template_is_refused(template: str) -> None:
    with pytest.raises(AwsError, match="Invalid mapping template"):
        mapping.check_templates({"application/json": template})


@pytest.mark.parametrize(
    "template",
    ["#foreach($a in [1..9])#foreach($b in [1..9999])x#end#end", "#foreach($a in [1..99999])#end"],
)
def test_loops_have_an_end(template: str) -> None:
    with pytest.raises(velocity.TemplateError, match="too many iterations"):
        velocity.render(template, {})


def test_the_template_that_passes_everything_on() -> None:
    given = {
        "method.request.path.id": "7",
        "method.request.querystring.q": 'a "quoted" one',
        "method.request.header.X-A": "1",
        "method.request.header.X-B": "2",
    }
    variables = {"context.httpMethod": "GET", "stageVariables.color": "red"}
    rendered = mapping.render(PASSTHROUGH, '{"a": [1, 2]}', given, variables)
    assert json.loads(rendered.text) == {
        "body-json": {"a": [1, 2]},
        "params": {
            "path": {"id": "7"},
            "querystring": {"q": 'a "quoted" one'},
            "header": {"X-A": "1", "X-B": "2"},
        },
        "stage-variables": {"color": "red"},
        "context": {"http-method": "GET", "user": ""},
    }


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("$input.body", '{"a": {"b": [1, {"c": "x"}]}, "n": null}'),
        ("$input.json('$.a.b')", '[1,{"c":"x"}]'),
        ("$input.path('$.a.b[1].c')", "x"),
        ("$input.json('$.none')", '""'),
        ("$input.path('$.none')", ""),
        ("$input.params('q') $input.params('none')|", "1 |"),
        ("$util.urlEncode('a b&') $util.urlDecode('a+b%26')", "a+b%26 a b&"),
        ("$util.base64Encode('hi') $util.base64Decode('aGk=')", "aGk= hi"),
        ("$util.parseJson('{\"a\": 2}').a", "2"),
        ("$util.escapeJavaScript('é/\"')", '\\u00E9\\/\\"'),
    ],
)
def test_what_api_gateway_adds(template: str, text: str) -> None:
    body = '{"a": {"b": [1, {"c": "x"}]}, "n": null}'
    found = mapping.render(template, body, {"method.request.querystring.q": "1"}, {})
    assert found.text == text


def test_a_template_may_override_the_response() -> None:
    """ "Use a mapping template to override an API's response" (developer guide)."""
    template = (
        "#set($context.responseOverride.status = 404)#set($context.responseOverride.header.X = 'y')"
    )
    found = mapping.render(template, "", {}, {"context.stage": "prod"})
    assert (found.text, found.status, found.headers) == ("", 404, {"X": "y"})


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$", {"a": [{"b": 1}, {"b": 2}], "c d": 3}),
        ("$.a[0].b", 1),
        ("$['c d']", 3),
        ("$.a[*].b", [1, 2]),
        ("$..b", [1, 2]),
        ("$.a[-1].b", 2),
        ("$.x.y", jsonpath.NOT_FOUND),
    ],
)
def test_paths(path: str, found: Any) -> None:
    assert jsonpath.find({"a": [{"b": 1}, {"b": 2}], "c d": 3}, path) == found


def test_paths_that_are_not_understood() -> None:
    with pytest.raises(jsonpath.InvalidPath):
        jsonpath.find({}, "$.a[?(@.b > 1)]")

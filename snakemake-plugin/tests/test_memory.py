import base64

from snakemake_executor_plugin_genosched import memory
from snakemake_executor_plugin_genosched.memory import GRANTED, VARIABLE, encode


def environment(granted, declared, jobs, overhead=100):
    return {VARIABLE: encode(overhead, declared, jobs), GRANTED: str(granted)}


def items(arguments):
    start = arguments.index("--set-resources") + 1
    return [memory._decoded(item) for item in arguments[start:]]


def test_nothing_changes_when_just_the_request_was_granted():
    env = environment(2100, 2000, [("impute", ["7"], 2000)])
    assert memory.with_granted(["--cores", "1"], env) == ["--cores", "1"]
    # genosched floors to whole MB
    assert memory.granted_figures({**env, GRANTED: "2099"}) == {}


def test_more_or_less_is_passed_on_without_the_overhead():
    jobs = [("impute", ["7"], 2000)]
    more = memory.granted_figures(environment(4200, 2000, jobs))
    less = memory.granted_figures(environment(600, 2000, jobs))
    assert more == {"impute": {("7",): 4100}}
    assert less == {"impute": {("7",): 500}}


def test_a_rule_without_a_figure_sees_what_was_granted():
    figures = memory.granted_figures(environment(2000, None, [("r", [], None)]))
    assert figures == {"r": {(): 1900}}


def test_a_grant_near_the_overhead_does_not_become_nothing():
    figures = memory.granted_figures(environment(110, None, [("r", [], None)]))
    assert figures == {"r": {(): 55}}


def test_a_group_is_scaled_as_a_whole():
    jobs = [("a", ["1"], 500), ("a", ["2"], 1000), ("b", [], None)]
    figures = memory.granted_figures(environment(3100, 1500, jobs))
    assert figures == {"a": {("1",): 1000, ("2",): 2000}}
    text = items(memory.with_granted([], environment(3100, 1500, jobs)))[0]
    rule, _, expression = text.partition(":mem_mb=")
    assert rule == "a"
    for value, figure in (("1", 1000), ("2", 2000), ("other", 2000)):
        assert eval(expression, {"wildcards": [value]}) == figure


def test_wildcards_are_not_expanded_by_snakemake():
    jobs = [("a", ["$HOME"], 500), ("a", ["2"], 1000)]
    text = items(memory.with_granted([], environment(3100, 1500, jobs)))[0]
    assert "$" not in text
    assert eval(text.partition("=")[2], {"wildcards": ["$HOME"]}) == 1000


def test_merges_into_the_users_own_list():
    own = base64.b64encode(b"impute:mem_mib=700").decode()
    arguments = ["--set-resources", "impute:runtime=5", f"base64//{own}", "x:mem_mb=1"]
    env = environment(4100, 2000, [("impute", [], 2000)])
    merged = memory.with_granted([*arguments, "--mode", "remote"], env)
    end = merged.index("--mode")
    assert items(merged[:end]) == [
        "impute:runtime=5",
        "x:mem_mb=1",
        "impute:mem_mb=4000",
    ]
    assert merged[end:] == ["--mode", "remote"]


def test_anything_unexpected_changes_nothing():
    good = environment(4100, 2000, [("r", [], 2000)])
    for env in (
        {},
        {GRANTED: "4100"},
        {VARIABLE: good[VARIABLE]},
        {**good, GRANTED: "much"},
        {**good, VARIABLE: "{"},
        {**good, VARIABLE: "{}"},
        {**good, VARIABLE: '{"overhead_mb":1,"declared_mb":2,"jobs":[1]}'},
    ):
        assert memory.with_granted(["--x"], env) == ["--x"]

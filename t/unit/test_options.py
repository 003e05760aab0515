#!/usr/bin/env python3
"""The option table in the code, the manual page and the sample say the same.

Reads the table from t/unit/config_tool, sealmilter.conf(5) and
etc/sealmilter.conf, and compares names, values and defaults. The words of which
rules of profiles are made are compared with the page too. Also lints the manual
pages.
"""

import os
import re
import shlex
import subprocess
import tempfile

SOURCE = os.environ.get("top_srcdir", ".")
TOOL = os.environ.get("CONFIG_TOOL") or os.path.join(os.environ.get("top_builddir", "."), "t/unit/config_tool")
PAGE = os.path.join(SOURCE, "man/sealmilter.conf.5")
SAMPLE = os.path.join(SOURCE, "etc/sealmilter.conf")
PAGES = [os.path.join(SOURCE, "man", name) for name in ("sealmilter.8", "sealctl.8", "sealmilter.conf.5")]
BLOCKS = {"LISTENER BLOCKS": "listener", "SIGNER BLOCKS": "signer",
          "DECRYPTION-KEY BLOCKS": "decryption-key", "TRUST BLOCKS": "trust", "PROFILE BLOCKS": "profile",
          "PROFILE RULE BLOCKS": "profile rule", "DIRECTORY BLOCKS": "directory",
          "RULE BLOCKS": "rule", "REVOCATION BLOCKS": "revocation", "REVOCATION PHRASE BLOCKS": "revocation phrase",
          "REVOCATION ORGANISATION BLOCKS": "revocation organisation", "GLOBAL OPTIONS": ""}

count = 0
failed = 0


def check(name, problems):
    global count, failed
    count += 1
    print("%sok %d - %s" % ("not " if problems else "", count, name), flush=True)
    failed += bool(problems)
    for line in problems:
        print("#  %s" % line)


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def table():
    """{(block, name): (values, default or None)} as the code has it."""
    status, text = run(TOOL, "options")
    assert status == 0, text
    options = {}
    for line in text.splitlines():
        block, name, values, initial = line.split("\t")
        options[block, name] = (values, initial or None)
    return options


def same_default(code, text):
    """The directory that a build was given is not the pages' business; what is below it is."""
    if code is not None and text is not None and code.startswith("/"):
        first, _, below = text.removeprefix("/").partition("/")
        return first in ("run", "var") and code.endswith("/" + below)
    return code == text


# ---- the manual page ------------------------------------------------------------

def page_default(lines):
    if lines[0].startswith("Default: none."):
        return None
    assert lines[0] == "Default:" and lines[1].startswith(".Li ") and lines[1].endswith(" ."), lines[:2]
    return lines[1][len(".Li "):-len(" .")]


def page_options():
    options, block, prose = {}, None, {}
    lines = open(PAGE, encoding="utf-8").read().splitlines()
    for number, line in enumerate(lines):
        if line.startswith(".Sh "):
            block = BLOCKS.get(line[len(".Sh "):])
        item = re.match(r"\.It Cm (\S+) Li = Ar (.+)$", line)
        if item and block is not None:
            options[block, item[1]] = (item[2], page_default(lines[number + 1:]))
            rest = lines[number + 1:]
            end = next(i for i, l in enumerate(rest) if l.startswith((".It ", ".El")))
            prose[block, item[1]] = " ".join(rest[:end]).partition(".Pp")[2]
    return options, prose


def words_of_rules():
    """(what, how) as profile_tests.c knows them, what None for every list; and the words of lists."""
    profile, facts = (open(os.path.join(SOURCE, "src/pki", name), encoding="utf-8").read()
                      for name in ("profile_tests.c", "certfacts_words.c"))
    table = profile[profile.index("static const struct profile_test tests[]"):]
    verbs = re.findall(r'\{(?:NULL|"([a-z-]+)"), "([a-z-]+)", \d', table)
    lists = re.findall(r'"([a-z-]+)"', facts[facts.index("certfacts_list_names["):facts.index("} words[]")])
    words = re.findall(r'^\t\{"[\d.]+", "(\w+)", CERTFACTS_', facts, re.M)
    plain = re.findall(r'"(\w+)"', facts[facts.index("certfacts_key_usage[]"):facts.index("certfacts_word(")])
    assert len(verbs) > 25 and len(lists) > 10 and len(words) > 40 and len(plain) > 15
    return verbs, set(lists + words + plain)


def missing_words():
    page = open(PAGE, encoding="utf-8").read()
    page = page[page.index(".Sh PROFILE RULE BLOCKS"):]
    page = page[:page.index(".Sh", 1)]
    verbs, words = words_of_rules()
    said = set(re.findall(r"[\w-]+", page))
    items = {" ".join(item.split()) for item in re.findall(r"^\.It Li ([a-z -]+)", page, re.M)}
    return sorted("%s %s" % (what or "any list", how) for what, how in verbs
                  if ("%s %s" % (what, how)).strip() not in items) + sorted(words - said)


# ---- the sample -------------------------------------------------------------------

def sample_lines():
    """(commented, text) of each line that is an option or a brace; "# " begins prose."""
    for line in open(SAMPLE, encoding="utf-8").read().splitlines():
        if line.strip() and not re.match(r"#( |$)", line):
            yield line.startswith("#"), line.lstrip("#").strip()


def plain_value(text):
    """{ "a", b } and "a" as the table writes them: a, b."""
    words = shlex.split(text.strip("{} ").replace(",", " , "), posix=True)
    return " ".join(words).replace(" , ", ", ")


def sample_options():
    options, blocks = {}, []
    for _, text in sample_lines():
        opening = re.match(r'([\w-]+) "[^"]+" \{$', text)
        option = re.match(r"([a-z0-9-]+) = (.+)$", text)
        if opening:
            blocks.append(opening[1])
        elif text == "}":
            blocks.pop()
        else:
            assert option, text
            options.setdefault((" ".join(blocks), option[1]), []).append(plain_value(option[2]))
    return options


def parse(text):
    with tempfile.NamedTemporaryFile("w", suffix=".conf", encoding="utf-8") as f:
        f.write(text)
        f.flush()
        return run(TOOL, "parse", f.name)


def parse_problems(text):
    status, said = parse(text)
    return said.splitlines() if status != 0 else []


def sample_with(*headers):
    """The sample as it is, with these blocks taken in."""
    lines, depth = [], 0
    for commented, text in sample_lines():
        begins = depth == 0 and text.endswith("{") and (not commented or text.removesuffix(" {") in headers)
        if begins or depth > 0:
            depth += text.endswith("{") - (text == "}")
            lines.append(text)
    return "\n".join(lines) + "\n"


def revocation_problems():
    """Each of the two blocks that the sample ships opens the forms that its policy has, and no other."""
    problems = []
    for name, forms in (("ica", "signed authorised password"), ("cesnet", "signed same-subject")):
        text = sample_with('revocation "%s"' % name, 'signer "seal"', 'trust "qualified"', 'directory "inventory"')
        # Two options at top level that are in no block.
        status, said = parse("worker-user = w\ntrusted-authres = x\n" + text)
        if status != 0 or "revocation %s: %s" % (name, forms) not in said.splitlines():
            problems.append("%s: %s" % (name, said))
    return problems


def example_problems():
    """The manual page's examples, put together, are a configuration."""
    page = open(PAGE, encoding="utf-8").read()
    section = page[page.index(".Sh EXAMPLES"):page.index(".Sh SEE ALSO")]
    examples = re.findall(r"\.Bd -literal[^\n]*\n(.*?)\.Ed", section, re.S)
    return [] if examples and not parse_problems("".join(examples)) else \
        ["no examples"] + parse_problems("".join(examples))


def readme_problems():
    """Each of the README's whole configurations is one; it says of each that it is."""
    text = open(os.path.join(SOURCE, "README"), encoding="utf-8").read()
    whole = re.findall(r"^    user = .*\n(?:(?:    .*)?\n)*", text, re.M)
    said = len(re.findall(r"\bis a whole(?: one|\nconfiguration)", text))
    return [problem for one in whole for problem in parse_problems(one)] + \
        (["%d found, %d said" % (len(whole), said)] if len(whole) != said or said < 3 else [])


def lint(page):
    status, said = run("mandoc", "-T", "lint", "-W", "warning", page)
    problems = said.splitlines() if status != 0 else []
    status, said = run("groff", "-mdoc", "-Tutf8", "-ww", "-z", page)
    return problems + said.splitlines()


def main():
    code = table()
    page, prose = page_options()
    sample = sample_options()

    check("the table has options of every block", [b for b in BLOCKS.values() if b not in {k[0] for k in code}])
    check("the manual page has every option", sorted("%s %s" % k for k in code.keys() - page.keys()))
    check("the manual page has no other option", sorted("%s %s" % k for k in page.keys() - code.keys()))
    both = sorted(code.keys() & page.keys())
    check("values are the same", ["%s %s: %s / %s" % (*k, code[k][0], page[k][0]) for k in both
                                  if code[k][0] != page[k][0]])
    check("defaults are the same", ["%s %s: %s / %s" % (*k, code[k][1], page[k][1]) for k in both
                                    if not same_default(code[k][1], page[k][1])])
    check("every option is explained", ["%s %s" % k for k in both if len(prose[k]) < 20])
    check("the sample has every option", sorted("%s %s" % k for k in code.keys() - sample.keys()))
    check("the sample has no other option", sorted("%s %s" % k for k in sample.keys() - code.keys()))
    check("the sample shows every default", [
        "%s %s: %s / %s" % (*k, code[k][1], sample[k]) for k in sorted(code.keys() & sample.keys())
        if code[k][1] is not None and not any(same_default(code[k][1], v) for v in sample[k])])
    check("the sample is a configuration", parse_problems(open(SAMPLE, encoding="utf-8").read()))
    check("the sample with every option taken in is one too",
          parse_problems("\n".join(text for _, text in sample_lines())))
    check("its blocks for I.CA and CESNET open just their policies' forms", revocation_problems())
    check("the manual page's examples are one", example_problems())
    check("the README's configurations are such", readme_problems())
    check("the manual page has every word of profiles' rules", missing_words())
    for name in PAGES:
        check("%s lints clean" % os.path.basename(name), lint(name))
    print("1..%d" % count)
    return failed > 0


if __name__ == "__main__":
    raise SystemExit(main())

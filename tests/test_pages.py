"""Pages: one file each, that loads nothing else and allows only its own scripts."""

from tensorgrad import pages


def test_scripts_are_joined_after_those_of_all_pages_and_before_main(tmp_path):
    for name in ("z.js", "main.js", "a.js"):
        (tmp_path / name).write_text(f"// {name}")
    joined = pages.join_scripts(tmp_path, "// more")
    assert joined.startswith('"use strict";\n')
    order = ["function h(", "// a.js", "// z.js", "// more", "// main.js"]
    assert sorted(order, key=joined.index) == order


def test_each_mark_is_replaced_once_and_in_order(tmp_path):
    template = tmp_path / "page.html"
    template.write_text("<!--A--> <!--B--> <!--A-->")
    filled = pages.fill_page(template, {"<!--A-->": "1", "<!--B-->": "<!--A-->"})
    assert filled == b"1 <!--A--> <!--A-->"


def test_a_lone_surrogate_does_not_end_the_writing(tmp_path):
    template = tmp_path / "page.html"
    template.write_text("NAME")
    assert pages.fill_page(template, {"NAME": "x\ud800"}) == b"x?"


def test_the_hash_of_a_content_security_policy():
    assert pages.policy_hash("") == "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"

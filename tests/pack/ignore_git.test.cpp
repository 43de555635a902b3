// What git says about the same rules and paths.
#include <bobbin/pack/ignore.hpp>

#include <sys/wait.h>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "ignore_cases.hpp"
#include "skip.hpp"
#include "temporary.hpp"

using namespace bobbin;
using namespace bobbin::pack;

namespace {

namespace fs = std::filesystem;

// No settings of the one who runs the tests.
const std::string git =
    "env -u GIT_DIR -u GIT_WORK_TREE -u GIT_INDEX_FILE -u GIT_CONFIG_PARAMETERS "
    "GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null git -c core.excludesFile=/dev/null "
    "-c core.ignoreCase=false ";

bool succeeds(const std::string& command) { return std::system((command + " 2>&1").c_str()) == 0; }

enum class Type : std::uint8_t { file, directory, symlink };

// Rules, as .gitignore, by the directory in which they lie ("" or with a '/' at the end), and paths.
struct Tree {
    std::map<std::string, std::string> rules;
    std::map<std::string, Type> paths;
};

// The directory and line of the rule that decides; line 0: none does.
struct Verdict {
    std::string directory;
    std::uint32_t line = 0;
    bool is_ignored = false;
    friend bool operator==(const Verdict&, const Verdict&) = default;
    friend std::ostream& operator<<(std::ostream& out, const Verdict& v) {
        return out << (v.is_ignored ? "ignored" : "not ignored") << " by line " << v.line
                   << " in \"" << v.directory << '"';
    }
};
using Verdicts = std::map<std::string, Verdict>;

Verdicts our_verdicts(const Tree& tree) {
    Verdicts verdicts;
    std::vector<std::string> with_rules;
    IgnoreStack stack;
    const auto add = [&](const std::string& directory) {
        const auto rules = tree.rules.find(directory);
        if (rules == tree.rules.end()) return;
        auto parsed = IgnoreRules::parse(rules->second);
        BOOST_REQUIRE(parsed);
        BOOST_REQUIRE(stack.add(std::make_shared<const IgnoreRules>(*std::move(parsed))));
        with_rules.push_back(directory);
    };
    const auto walk = [&](const auto& self, const std::string& directory) -> void {
        const auto outer = with_rules.size();
        add(directory);
        for (auto at = tree.paths.lower_bound(directory);
             at != tree.paths.end() && at->first.starts_with(directory); ++at) {
            const auto name = at->first.substr(directory.size());
            if (name.empty() || name.find('/') != name.npos) continue;
            const bool is_directory = at->second == Type::directory;
            Verdict verdict;
            if (const auto match = stack.find(name, is_directory))
                verdict = {with_rules.at(match->rules), match->rule.line, !match->rule.is_negated};
            BOOST_REQUIRE(verdict.is_ignored == stack.is_ignored(name, is_directory));
            verdicts[at->first] = verdict;
            if (!is_directory) continue;
            BOOST_REQUIRE(stack.enter(name));
            self(self, at->first + '/');
            stack.leave();
        }
        with_rules.resize(outer);
    };
    walk(walk, "");
    return verdicts;
}

// Makes the tree, in an empty repository, and asks.
Verdicts verdicts_of_git(const Tree& tree, const std::string& where) {
    const fs::path root{where};
    BOOST_REQUIRE(fs::create_directory(root));
    BOOST_REQUIRE(succeeds(git + "init -q --template= '" + where + '\''));
    std::ofstream list{where + "/.git/paths", std::ios::binary};
    for (const auto& [path, type] : tree.paths) {
        switch (type) {
            case Type::file: std::ofstream{root / path}; break;
            case Type::directory: fs::create_directory(root / path); break;
            case Type::symlink: fs::create_symlink(".", root / path); break;
        }
        list << "./" << path << '\0';
    }
    list.close();
    for (const auto& [directory, text] : tree.rules)
        std::ofstream{where + '/' + directory + ".gitignore", std::ios::binary} << text;
    // Exit code 1: none is ignored.
    const auto code =
        std::system(("cd '" + where + "' && " + git +
                     "check-ignore --no-index --stdin -z -v -n <.git/paths >.git/answers")
                        .c_str());
    BOOST_REQUIRE((WIFEXITED(code) && WEXITSTATUS(code) <= 1));

    std::ifstream in{where + "/.git/answers", std::ios::binary};
    const auto field = [&] {
        std::string text;
        std::getline(in, text, '\0');
        return text;
    };
    Verdicts verdicts;
    for (const auto& [path, type] : tree.paths) {
        const auto source = field(), line = field(), pattern = field();
        field();
        BOOST_REQUIRE(in);
        Verdict verdict;
        if (!line.empty())
            verdict = {source.substr(0, source.size() - std::string_view{".gitignore"}.size()),
                       static_cast<std::uint32_t>(std::stoul(line)), pattern.front() != '!'};
        verdicts[path] = verdict;
    }
    in.get();
    BOOST_REQUIRE(in.eof());
    return verdicts;
}

void skip_without_git() {
    if (!succeeds("git --version >/dev/null")) bobbin_tests::skip("git is not installed");
}

constexpr std::string_view letters = "aabb.-#! *?[]\\^:x\xc3\xff\x01";

class Random {
public:
    explicit Random(std::uint32_t seed) : bits_{seed} {}

    std::size_t below(std::size_t n) { return bits_() % n; }
    char letter() { return letters[below(letters.size())]; }

    std::string name() {
        for (;;) {
            std::string text;
            for (auto n = 1 + below(4); n > 0; --n) text += letter();
            if (text != "." && text != "..") return text;
        }
    }

    Tree tree() {
        Tree tree;
        std::vector<std::string> directories{""};
        for (auto n = 30 + below(40); n > 0; --n) {
            const auto path = directories[below(directories.size())] + name();
            const auto type = below(10) < 4   ? Type::directory
                              : below(8) == 0 ? Type::symlink
                                              : Type::file;
            if (tree.paths.contains(path)) continue;
            tree.paths[path] = type;
            if (type == Type::directory) directories.push_back(path + '/');
        }
        for (const auto& directory : directories)
            if (directory.empty() || below(3) == 0) tree.rules[directory] = rules(tree, directory);
        return tree;
    }

private:
    std::string rules(const Tree& tree, const std::string& directory) {
        std::vector<std::string> near;
        for (const auto& [path, type] : tree.paths)
            if (path.size() > directory.size() && path.starts_with(directory))
                near.push_back(path.substr(directory.size()));
        std::string text = below(20) == 0 ? "\xef\xbb\xbf" : "";
        for (auto n = 1 + below(8); n > 0; --n) {
            if (below(4) == 0) text += '!';
            text += near.empty() || below(5) == 0 ? noise() : bent(near[below(near.size())]);
            if (below(6) == 0) text += '/';
            if (below(10) == 0) text += "  ";
            if (below(20) == 0) text += '\t';
            if (below(30) == 0) text += '\r';
            if (n > 1 || below(3) != 0) text += '\n';
        }
        return text;
    }

    std::string noise() {
        static constexpr std::string_view parts[] = {
            "*",     "*",    "**",   "**/",   "/**", "/",         "?",           "[",
            "]",     "[!",   "[^",   "-",     "\\",  "[:alpha:]", "[[:punct:]]", "[[:alnum:]",
            "[a-b]", "[]a]", "[!a]", "[/]",   "a",   "b",         "ab",          ".",
            " ",     "#",    "!",    "[--x]", "\\/"};
        std::string text;
        for (auto n = 1 + below(6); n > 0; --n) text += parts[below(std::size(parts))];
        return text;
    }

    // A pattern that may match the path.
    std::string bent(const std::string& path) {
        const auto from = below(2) == 0 ? path.rfind('/') + 1 : 0;
        std::string text = below(5) == 0 ? "/" : below(8) == 0 ? "**/" : "";
        for (auto i = from; i < path.size(); ++i) {
            const char c = path[i];
            if (c == '/' && below(3) == 0) {
                static constexpr std::string_view slashes[] = {
                    "/**/", "/*/", "**/", "/**", "\\/", "/**\\/", "//", "/***/", "?", "[/]"};
                text += slashes[below(std::size(slashes))];
                continue;
            }
            if (c != '/' && below(3) == 0) {
                switch (below(11)) {
                    case 0: text += '?'; break;
                    case 1: text += '*'; break;
                    case 2: text += "**"; break;
                    case 3:
                        text += '*';
                        i = path.find('/', i) - 1;
                        break;
                    case 4: text += std::string{"["} + c + ']'; break;
                    case 5: text += std::string{"[!"} + letter() + ']'; break;
                    case 6: text += std::string{"["} + letter() + '-' + letter() + ']'; break;
                    case 7:
                        text += std::string{"[^"} + letter() + '-' + letter() + letter() + "-]";
                        break;
                    case 8:
                        text += std::string{"[[:"} +
                                std::string{below(2) == 0 ? "alpha" : "punct"} + ":]" + letter() +
                                ']';
                        break;
                    case 9: text += letter(); break;
                    case 10: break;
                }
                if (i >= path.size()) break;
                continue;
            }
            if (std::string_view{"*?[\\#! "}.find(c) != std::string_view::npos && below(4) != 0)
                text += '\\';
            text += c;
        }
        return text;
    }

    std::mt19937 bits_;
};

// The rules that may apply to a path.
std::string shown(const Tree& tree, std::string_view path) {
    std::ostringstream out;
    for (const auto& [directory, text] : tree.rules)
        if (path.starts_with(directory)) out << "\n--- " << directory << ".gitignore\n" << text;
    return out.str();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pack_ignore_git)

BOOST_AUTO_TEST_CASE(cases_known_to_be_difficult) {
    skip_without_git();
    const bobbin_tests::TemporaryDirectory directory;
    Tree tree;
    std::vector<std::string> tops;
    for (const auto& given : bobbin_tests::ignore_cases) {
        const auto top = "case" + std::to_string(tops.size());
        tops.push_back(top);
        tree.paths[top] = Type::directory;
        tree.rules[top + '/'] = given.rules;
        for (auto slash = given.path.find('/'); slash != given.path.npos;
             slash = given.path.find('/', slash + 1))
            tree.paths[top + '/' + std::string{given.path.substr(0, slash)}] = Type::directory;
        tree.paths[top + '/' + std::string{given.path}] =
            given.is_directory ? Type::directory : Type::file;
    }
    const auto theirs = verdicts_of_git(tree, directory / "tree");
    std::size_t n = 0;
    for (const auto& given : bobbin_tests::ignore_cases) {
        const auto& verdict = theirs.at(tops[n++] + '/' + std::string{given.path});
        BOOST_TEST(verdict.is_ignored == given.is_ignored,
                   "rules \"" << given.rules << "\", path \"" << given.path << "\": " << verdict);
    }
    BOOST_TEST((our_verdicts(tree) == theirs));
}

// Every byte as a name, and each class.
BOOST_AUTO_TEST_CASE(classes) {
    skip_without_git();
    const bobbin_tests::TemporaryDirectory directory;
    Tree tree;
    for (const std::string name : {"alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower",
                                   "print", "punct", "space", "upper", "xdigit"}) {
        tree.paths[name] = Type::directory;
        tree.rules[name + '/'] = "[[:" + name + ":]]\n";
        for (int byte = 1; byte < 256; ++byte)
            if (byte != '/' && byte != '.')
                tree.paths[name + '/' + static_cast<char>(byte)] = Type::file;
    }
    const auto ours = our_verdicts(tree);
    for (const auto& [path, theirs] : verdicts_of_git(tree, directory / "tree")) {
        const auto byte = static_cast<unsigned char>(path.back());
        BOOST_TEST(ours.at(path) == theirs, path.substr(0, 5) << ", byte " << int{byte});
    }
}

// One in a repository of its own, or many in one that has no other rules.
BOOST_AUTO_TEST_CASE(random_rules_and_trees) {
    skip_without_git();
    const bobbin_tests::TemporaryDirectory directory;
    std::size_t paths = 0, ignored = 0, brought_back = 0, inner = 0;
    for (std::uint32_t seed = 1; seed <= 40; ++seed) {
        Tree tree;
        if (seed <= 30) tree = Random{seed}.tree();
        for (std::uint32_t n = 0; seed > 30 && n < 50; ++n) {
            const auto one = Random{1000 * seed + n}.tree();
            const auto top = "tree" + std::to_string(n);
            tree.paths[top] = Type::directory;
            for (const auto& [path, type] : one.paths) tree.paths[top + '/' + path] = type;
            for (const auto& [path, text] : one.rules) tree.rules[top + '/' + path] = text;
        }
        const auto ours = our_verdicts(tree);
        const auto where = directory / ("tree" + std::to_string(seed)).c_str();
        const auto all_theirs = verdicts_of_git(tree, where);
        BOOST_REQUIRE(all_theirs.size() == ours.size());
        for (const auto& [path, theirs] : all_theirs) {
            BOOST_TEST(ours.at(path) == theirs,
                       "seed " << seed << ", path \"" << path << "\": " << ours.at(path)
                               << "; git: " << theirs << shown(tree, path));
            ++paths;
            ignored += theirs.is_ignored ? 1 : 0;
            brought_back += theirs.line != 0 && !theirs.is_ignored ? 1 : 0;
            inner += std::ranges::count(theirs.directory, '/') > (seed <= 30 ? 0 : 1) ? 1 : 0;
        }
        fs::remove_all(where);
    }
    BOOST_TEST_MESSAGE(paths << " paths, " << ignored << " ignored, " << brought_back
                             << " brought back, " << inner << " by inner rules");
    BOOST_TEST((paths > 20'000 && ignored > 5'000 && brought_back > 1'000 && inner > 2'000));
}

// As a control: one rule that git has not.
BOOST_AUTO_TEST_CASE(a_difference_is_found) {
    skip_without_git();
    const bobbin_tests::TemporaryDirectory directory;
    Tree tree;
    tree.paths = {{"a", Type::file}, {"d", Type::directory}, {"d/a", Type::symlink}};
    tree.rules[""] = "/a\n";
    const auto theirs = verdicts_of_git(tree, directory / "tree");
    BOOST_TEST((our_verdicts(tree) == theirs));
    tree.rules[""] = "/a\nd/a\n";
    BOOST_TEST((our_verdicts(tree) != theirs));
}

BOOST_AUTO_TEST_SUITE_END()

#include "commands/tree.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <optional>

namespace packs {

using namespace bobbin;

namespace {

/// The first name of each file that has several, by its number in the snapshot.
class FirstNames {
public:
    Result<std::optional<std::uint64_t>> visit(std::string_view path,
                                               const pack::TreeEntry& entry) {
        if (entry.hard_link != 0) {
            auto name = std::string{path} + entry.name;
            const auto [at, is_new] = names_.try_emplace(entry.hard_link, name);
            if (!is_new && name < at->second) at->second = std::move(name);
        }
        return std::optional<std::uint64_t>{0};
    }
    const std::string& of(std::uint64_t hard_link) const { return names_.at(hard_link); }

private:
    std::map<std::uint64_t, std::string> names_;
};

/// What differs between two trees, in the order of their paths. Directories that are the same are not
/// entered.
class Difference {
public:
    Difference(Source& source, const Common& common) : source_{source}, common_{common} {}

    Result<void> run(const pack::Content& from, const pack::Content& to) {
        from_ = from;
        to_ = to;
        open_.push_back({{}, from, to});
        while (!open_.empty()) {
            auto [path, before, after] = std::move(open_.back());
            open_.pop_back();
            if (before == after) continue;
            auto old_entries = entries(before);
            if (!old_entries) return old_entries.error();
            auto new_entries = entries(after);
            if (!new_entries) return new_entries.error();
            if (auto done = compare(path, *old_entries, *new_entries); !done) return done;
        }
        return {};
    }

    std::uint64_t count() const noexcept { return count_; }

private:
    using Entries = std::vector<pack::TreeEntry>;
    struct Pair {
        std::string path;
        pack::Content from;
        pack::Content to;
    };

    Result<Entries> entries(const pack::Content& node) {
        Entries all;
        if (node.size == 0) return all;
        auto read =
            pack::for_each_entry(source_, node, [&](pack::TreeEntry& entry) -> Result<bool> {
                all.push_back(std::move(entry));
                return true;
            });
        if (!read) return read.error();
        return all;
    }

    Result<void> compare(const std::string& path, const Entries& before, const Entries& after) {
        auto a = before.begin();
        auto b = after.begin();
        std::vector<Pair> inner;
        const auto enter = [&](const pack::TreeEntry& entry, const pack::Content& from,
                               const pack::Content& to) {
            inner.push_back({path + entry.name + '/', from, to});
        };
        while (a != before.end() || b != after.end()) {
            const bool is_gone = b == after.end() || (a != before.end() && a->name < b->name);
            const bool is_new = !is_gone && (a == before.end() || b->name < a->name);
            if (is_gone) {
                tell('-', path, *a);
                if (a->kind == pack::EntryKind::directory) enter(*a, a->content, {});
                ++a;
            } else if (is_new) {
                tell('+', path, *b);
                if (b->kind == pack::EntryKind::directory) enter(*b, {}, b->content);
                ++b;
            } else {
                if (auto done = compare(path, *a, *b); !done) return done;
                const bool was = a->kind == pack::EntryKind::directory;
                const bool is = b->kind == pack::EntryKind::directory;
                if (was || is)
                    enter(*b, was ? a->content : pack::Content{},
                          is ? b->content : pack::Content{});
                ++a, ++b;
            }
        }
        std::ranges::reverse(inner);
        std::ranges::move(inner, std::back_inserter(open_));
        return {};
    }

    Result<void> compare(const std::string& path, const pack::TreeEntry& a,
                         const pack::TreeEntry& b) {
        const bool is_directory = a.kind == pack::EntryKind::directory;
        if (a.kind != b.kind) {
            tell('T', path, b);
            return {};
        }
        if (!is_directory && (a.content != b.content || a.target != b.target)) {
            tell('M', path, b);
            return {};
        }
        auto same = a;
        same.content = b.content;
        // A directory's time changes with what is in it, which is told by itself.
        if (is_directory) same.modified = b.modified;
        // A copy of a file has another number, and so have all files after a restore.
        if (a.hard_link != 0 && b.hard_link != 0 && a.hard_link != b.hard_link) {
            if (auto read = read_links(); !read) return read;
            if (links_before_->of(a.hard_link) == links_after_->of(b.hard_link))
                same.hard_link = b.hard_link;
        }
        if (same != b) tell('m', path, b);
        return {};
    }

    Result<void> read_links() {
        if (links_after_) return {};
        if (auto read = pack::walk_tree(source_, from_, links_before_.emplace()); !read)
            return read;
        return pack::walk_tree(source_, to_, links_after_.emplace());
    }

    void tell(char what, const std::string& path, const pack::TreeEntry& entry) {
        ++count_;
        const auto name = path + entry.name + (entry.kind == pack::EntryKind::directory ? "/" : "");
        if (common_.is_json)
            print_json({{"change", std::string(1, what)}, {"path", json_text(name)}});
        else
            print_line(fmt::format("{} {}", what, printable(name)));
    }

    Source& source_;
    const Common& common_;
    pack::Content from_, to_;
    std::vector<Pair> open_;
    std::optional<FirstNames> links_before_, links_after_;  ///< read where they are asked for
    std::uint64_t count_ = 0;
};

}  // namespace

int diff(const Common& common, const std::string& from, const std::string& to) {
    Repository repository{common.store, Repository::For::reading, common.wait};
    const auto before = repository.snapshot(from);
    const auto after = repository.snapshot(to);
    auto source = repository.source();
    Difference difference{source, common};
    if (auto done = difference.run(before.root.content, after.root.content); !done)
        throw repository.failure(done.error(), "comparing");
    return exit_ok;
}

}  // namespace packs

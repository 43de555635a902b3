// Chunks in memory, trees made of them by hand, and a plain saver of trees of a file system.
#ifndef BOBBIN_TESTS_PACK_TREE_STORE_HPP
#define BOBBIN_TESTS_PACK_TREE_STORE_HPP

#include <bobbin/digest/sha256.hpp>
#include <bobbin/fs/tree.hpp>
#include <bobbin/pack/concept.hpp>
#include <bobbin/pack/tree.hpp>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bobbin_tests {

inline std::string text_of(const bobbin::Error& error) { return bobbin::describe(error); }

template <class T>
T must(bobbin::Result<T> result) {
    if (!result) throw std::runtime_error{text_of(result.error())};
    return std::move(*result);
}
inline void must(const bobbin::Result<void>& result) {
    if (!result) throw std::runtime_error{text_of(result.error())};
}

class ChunkStore {
public:
    bobbin::pack::Address add(bobbin::ByteView bytes) {
        const auto address = bobbin::Sha256::of(bytes);
        const auto at = chunks_.try_emplace(address).first;
        if (at->second.bytes.empty()) {
            at->second.number = chunks_.size();
            at->second.bytes.assign(bytes.begin(), bytes.end());
        }
        return address;
    }
    bool remove(const bobbin::pack::Address& address) { return chunks_.erase(address) != 0; }
    std::size_t size() const { return chunks_.size(); }

    auto make_builder() {
        return bobbin::pack::ContentBuilder{
            [this](bobbin::ByteView list) -> bobbin::Result<bobbin::pack::Address> {
                return add(list);
            }};
    }

    // Of parts of `chunk` bytes; a run of zeros of at least `hole` bytes is a hole.
    bobbin::pack::Content content(std::string_view bytes, std::size_t chunk = 65536,
                                  std::size_t hole = SIZE_MAX) {
        auto builder = make_builder();
        while (!bytes.empty()) {
            const auto zeros = std::min(bytes.find_first_not_of('\0'), bytes.size());
            if (zeros >= hole) {
                must(builder.add_hole(zeros));
                bytes.remove_prefix(zeros);
                continue;
            }
            auto part = bytes.substr(0, chunk);
            if (const auto at = part.find(std::string(std::min(hole, part.size() + 1), '\0'));
                at != part.npos && at != 0)
                part = part.substr(0, at);
            must(builder.add_chunk(add(bobbin::as_bytes(part)), part.size()));
            bytes.remove_prefix(part.size());
        }
        return must(builder.finish());
    }

    // A directory of any entries.
    bobbin::pack::Content directory(std::vector<bobbin::pack::TreeEntry> entries,
                                    std::size_t chunk = 65536) {
        std::ranges::sort(entries, {}, &bobbin::pack::TreeEntry::name);
        bobbin::pack::TreeEncoder encoder;
        std::string node;
        for (const auto& entry : entries) {
            must(encoder.add(entry));
            node += bobbin::as_text(encoder.take_piece());
        }
        must(encoder.finish());
        node += bobbin::as_text(encoder.take_piece());
        return content(node, chunk);
    }

    class Reader {
    public:
        struct Location {
            std::size_t number = 0;
            bobbin::pack::Address address{};
            friend auto operator<=>(const Location&, const Location&) = default;
        };
        explicit Reader(const ChunkStore& store) : store_{&store} {}
        std::optional<Location> locate(const bobbin::pack::Address& address) {
            const auto at = store_->chunks_.find(address);
            if (at == store_->chunks_.end()) return {};
            return Location{at->second.number, address};
        }
        bobbin::Result<bobbin::ByteView> read(const Location& location) {
            return read(location.address);
        }
        bobbin::Result<bobbin::ByteView> read(const bobbin::pack::Address& address) {
            const auto at = store_->chunks_.find(address);
            if (at == store_->chunks_.end())
                return bobbin::Error{bobbin::Errc::chunk_missing, bobbin::Operation::read};
            // What was given before is no longer valid.
            last_ = at->second.bytes;
            return bobbin::ByteView{last_};
        }

    private:
        const ChunkStore* store_;
        std::vector<std::byte> last_;
    };

    struct Chunk {
        std::size_t number = 0;
        std::vector<std::byte> bytes;
    };
    const std::map<bobbin::pack::Address, Chunk>& all() const { return chunks_; }

private:
    std::map<bobbin::pack::Address, Chunk> chunks_;
};
static_assert(bobbin::pack::ChunkSource<ChunkStore::Reader>);

// Saves a tree of a file system, as it is: all but special files.
template <bobbin::TreeFileSystem Fs>
class PlainSaver {
public:
    PlainSaver(Fs& fs, ChunkStore& store, std::size_t chunk = 65536)
        : fs_{fs}
        , store_{store}
        , chunk_{chunk} {}

    bobbin::pack::TreeEntry save(const std::string& path) {
        const auto root = must(fs_.open_root(path.c_str(), bobbin::RootMode::existing));
        auto entry = directory(root, "root");
        must(fs_.close(root));
        return entry;
    }

private:
    using TreeEntry = bobbin::pack::TreeEntry;
    using Attributes = bobbin::Result<std::vector<bobbin::Attribute>>;

    static TreeEntry entry_of(const bobbin::NodeStatus& node, std::string name,
                              Attributes attributes) {
        TreeEntry entry;
        entry.name = std::move(name);
        entry.mode = node.mode;
        entry.user = node.user;
        entry.group = node.group;
        entry.modified = node.modified;
        if (attributes) entry.attributes = std::move(*attributes);
        if (node.links > 1 && node.kind != bobbin::NodeKind::directory)
            entry.hard_link = node.inode;
        return entry;
    }
    TreeEntry directory(bobbin::FileHandle dir, std::string name) {
        auto entry = entry_of(must(fs_.node(dir)), std::move(name), fs_.attributes(dir));
        entry.kind = bobbin::pack::EntryKind::directory;
        std::vector<TreeEntry> entries;
        for (auto& name_of : must(fs_.read_directory(dir))) {
            const char* const in = name_of.name.c_str();
            const auto node = must(fs_.node_at(dir, in));
            if (node.kind == bobbin::NodeKind::directory) {
                const auto below = must(fs_.open_directory_at(dir, in));
                entries.push_back(directory(below, name_of.name));
                must(fs_.close(below));
            } else if (node.kind == bobbin::NodeKind::symlink) {
                auto link = entry_of(node, name_of.name, fs_.attributes_at(dir, in));
                link.kind = bobbin::pack::EntryKind::symlink;
                link.target = must(fs_.read_link_at(dir, in));
                entries.push_back(std::move(link));
            } else if (node.kind == bobbin::NodeKind::file) {
                entries.push_back(file(dir, in, node));
            }
        }
        entry.content = store_.directory(std::move(entries));
        return entry;
    }
    TreeEntry file(bobbin::FileHandle dir, const char* name, const bobbin::NodeStatus& node) {
        const auto handle = must(fs_.open_at(dir, name, bobbin::OpenMode::read));
        auto entry = entry_of(node, name, fs_.attributes(handle));
        auto builder = store_.make_builder();
        std::vector<std::byte> buffer(chunk_);
        for (std::uint64_t at = 0; at < node.size;) {
            const auto data = fs_.next_data(handle, at);
            const auto begin = data ? data->value_or(node.size) : at;
            if (begin > at) must(builder.add_hole(begin - at));
            const auto hole =
                begin < node.size
                    ? fs_.next_hole(handle, begin)
                    : bobbin::Result<std::optional<std::uint64_t>>{std::optional{node.size}};
            const auto end = hole ? hole->value_or(node.size) : node.size;
            for (at = begin; at < end;) {
                const auto want =
                    static_cast<std::size_t>(std::min<std::uint64_t>(chunk_, end - at));
                const auto got = must(fs_.read_at(handle, std::span{buffer}.first(want), at));
                if (got == 0) throw std::runtime_error{"a file has shrunk"};
                const auto bytes = std::span{buffer}.first(got);
                must(builder.add_chunk(store_.add(bytes), got));
                at += got;
            }
        }
        entry.content = must(builder.finish());
        must(fs_.close(handle));
        return entry;
    }

    Fs& fs_;
    ChunkStore& store_;
    std::size_t chunk_;
};

}  // namespace bobbin_tests

#endif

// What tests of saves need: a store in memory that looks at all that it is given, trees that are
// read back from it, and a file system whose calls can be bent.
#ifndef BOBBIN_TESTS_PACK_SAVES_HPP
#define BOBBIN_TESTS_PACK_SAVES_HPP

#include <bobbin/codec/codecs.hpp>
#include <bobbin/codec/lz4.hpp>
#include <bobbin/codec/none.hpp>
#include <bobbin/codec/zstd.hpp>
#include <bobbin/fs/posix_tree.hpp>
#include <bobbin/pack/save.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/temporary.hpp"

namespace bobbin_tests {

namespace pack = bobbin::pack;

// A wrong record ends the test program: from another thread nothing else can.
inline void insist(bool is_right, const char* what) {
    if (is_right) return;
    std::fprintf(stderr, "the store was given %s\n", what);
    std::abort();
}

class MemoryStore {
public:
    using Chunks = std::map<pack::Address, std::vector<std::byte>>;

    bool contains(const pack::Address& address) {
        const std::lock_guard lock{mutex_};
        return claimed_.contains(address);
    }
    bobbin::Result<bool> claim(const pack::Address& address) {
        const std::lock_guard lock{mutex_};
        if (claims_left-- == 0) return bobbin::Error::system(EIO, bobbin::Operation::query);
        return claimed_.insert(address).second;
    }
    bobbin::Result<void> add_encoded(std::span<const pack::NewChunk<bobbin::Sha256>> chunks,
                                     std::uint8_t codec, bobbin::ByteView stored) {
        std::uint64_t size = 0;
        for (const auto& chunk : chunks) size += chunk.length;
        const pack::RecordShape shape{static_cast<std::uint32_t>(size),
                                      static_cast<std::uint32_t>(stored.size()),
                                      static_cast<std::uint16_t>(chunks.size()), codec, 0};
        insist(chunks.size() <= pack::most_chunks && shape.check().has_value(), "a wrong shape");
        insist(codec == 0 || stored.size() <= size - std::max<std::uint64_t>(size / 20, 1),
               "what hardly shrank");
        std::vector<std::byte> raw(size);
        bobbin::Codecs<bobbin::NoCodec, bobbin::Lz4, bobbin::Zstd> codecs;
        insist(codecs.decompress(codec, stored, raw).has_value(), "wrong bytes");
        const std::lock_guard lock{mutex_};
        if (records_left-- == 0) return bobbin::Error::system(ENOSPC, bobbin::Operation::write);
        bobbin::ByteView left{raw};
        for (const auto& chunk : chunks) {
            const auto bytes = left.first(chunk.length);
            left = left.subspan(chunk.length);
            insist(bobbin::Sha256::of(bytes) == chunk.key, "a wrong address");
            insist(claimed_.contains(chunk.key), "what was not claimed");
            insist(chunks_.emplace(chunk.key, std::vector(bytes.begin(), bytes.end())).second,
                   "a chunk twice");
        }
        ++records;
        largest_record = std::max(largest_record, size);
        return {};
    }
    bobbin::Result<std::vector<std::byte>> fetch(const pack::Address& address) {
        const std::lock_guard lock{mutex_};
        const auto at = chunks_.find(address);
        if (at == chunks_.end())
            return bobbin::Error{bobbin::Errc::chunk_missing, bobbin::Operation::read};
        return at->second;
    }

    bool is_complete() const { return claimed_.size() == chunks_.size(); }
    const Chunks& chunks() const { return chunks_; }
    void drop(const pack::Address& address) {
        claimed_.erase(address);
        chunks_.erase(address);
    }

    std::uint64_t records = 0;
    std::uint64_t largest_record = 0;
    std::int64_t claims_left = -1;  // then they fail; below zero: never
    std::int64_t records_left = -1;

private:
    std::mutex mutex_;
    std::set<pack::Address> claimed_;
    Chunks chunks_;
};
static_assert(pack::ChunkSink<MemoryStore>);

// All entries of a tree by their paths, the root's being empty.
using Tree = std::map<std::string, pack::TreeEntry>;

inline std::string bytes_of(MemoryStore& store, const pack::Content& content) {
    std::string bytes;
    const auto walked = pack::for_each_chunk(
        content, [&](const pack::Address& address) { return store.fetch(address); },
        [&](const pack::Extent& extent) -> bobbin::Result<void> {
            if (extent.is_hole) {
                bytes.append(extent.length, '\0');
                return {};
            }
            const auto chunk = store.fetch(extent.address);
            if (!chunk) return chunk.error();
            insist(chunk->size() == extent.length, "another length");
            bytes += bobbin::as_text(*chunk);
            return {};
        });
    if (!walked) throw std::runtime_error{describe(walked.error())};
    if (bytes.size() != content.size) throw std::runtime_error{"a content of another size"};
    return bytes;
}

inline Tree read_tree(MemoryStore& store, const pack::TreeEntry& root) {
    Tree tree;
    std::vector<std::string> left{""};
    tree[""] = root;
    while (!left.empty()) {
        const auto path = left.back();
        left.pop_back();
        const auto node = bytes_of(store, tree.at(path).content);
        pack::TreeDecoder decoder;
        if (!decoder.add(bobbin::as_bytes(node))) throw std::bad_alloc{};
        pack::TreeEntry entry;
        for (;;) {
            const auto got = decoder.next(entry);
            if (!got) throw std::runtime_error{describe(got.error())};
            if (!*got) break;
            const auto name = path.empty() ? entry.name : path + '/' + entry.name;
            if (entry.kind == pack::EntryKind::directory) left.push_back(name);
            tree[name] = entry;
        }
        if (!decoder.finish()) throw std::runtime_error{"a node that does not end"};
    }
    return tree;
}

// What a test can do to the calls of a file system.
struct Bends {
    // Answers an error for a call on a name, or nothing. Also where a test changes files meanwhile.
    std::function<std::optional<bobbin::Error>(bobbin::Operation, const std::string&)> before;
    std::function<void(bobbin::NodeStatus&)> status;
    bool hides_kinds = false;

    std::atomic<std::uint64_t> opened_files{0};
    std::atomic<std::uint64_t> attributes{0};
    std::atomic<std::uint64_t> listed{0};
    std::atomic<std::int64_t> open{0};
    std::atomic<std::int64_t> most_open{0};

    void count_open(std::int64_t change) {
        const auto now = open += change;
        auto most = most_open.load();
        while (now > most && !most_open.compare_exchange_weak(most, now)) {}
    }
    std::mutex mutex;
    std::map<bobbin::FileHandle, std::string> names;
};

class BentFs : public bobbin::PosixTreeFs {
public:
    explicit BentFs(std::shared_ptr<Bends> bends) : bends_{std::move(bends)} {}

    bobbin::Result<bobbin::FileHandle> open_root(const char* path, bobbin::RootMode mode) noexcept {
        return opened(PosixTreeFs::open_root(path, mode), "");
    }
    bobbin::Result<bobbin::FileHandle> open_at(bobbin::FileHandle dir, const char* name,
                                               bobbin::OpenMode mode) noexcept {
        if (const auto error = ask(bobbin::Operation::open, name)) return *error;
        if (mode == bobbin::OpenMode::read) ++bends_->opened_files;
        return opened(PosixTreeFs::open_at(dir, name, mode), name);
    }
    bobbin::Result<bobbin::FileHandle> open_directory_at(bobbin::FileHandle dir,
                                                         const char* name) noexcept {
        if (const auto error = ask(bobbin::Operation::open, name)) return *error;
        return opened(PosixTreeFs::open_directory_at(dir, name), name);
    }
    bobbin::Result<void> close(bobbin::FileHandle h) noexcept {
        bends_->count_open(-1);
        const std::lock_guard lock{bends_->mutex};
        bends_->names.erase(h);
        return PosixTreeFs::close(h);
    }
    bobbin::Result<std::size_t> read_at(bobbin::FileHandle h, bobbin::MutableByteView to,
                                        std::uint64_t offset) noexcept {
        if (const auto error = ask(bobbin::Operation::read, name_of(h))) return *error;
        return PosixTreeFs::read_at(h, to, offset);
    }
    bobbin::Result<std::vector<bobbin::DirectoryName>>
    read_directory(bobbin::FileHandle h) noexcept {
        if (const auto error = ask(bobbin::Operation::list, name_of(h))) return *error;
        ++bends_->listed;
        auto names = PosixTreeFs::read_directory(h);
        if (names && bends_->hides_kinds)
            for (auto& name : *names) name.kind = bobbin::NodeKind::unknown;
        return names;
    }
    bobbin::Result<bobbin::NodeStatus> node(bobbin::FileHandle h) noexcept {
        if (const auto error = ask(bobbin::Operation::stat, name_of(h))) return *error;
        return bent(PosixTreeFs::node(h));
    }
    bobbin::Result<bobbin::NodeStatus> node_at(bobbin::FileHandle dir, const char* name) noexcept {
        if (const auto error = ask(bobbin::Operation::stat, name)) return *error;
        return bent(PosixTreeFs::node_at(dir, name));
    }
    bobbin::Result<std::string> read_link_at(bobbin::FileHandle dir, const char* name) noexcept {
        if (const auto error = ask(bobbin::Operation::read, name)) return *error;
        return PosixTreeFs::read_link_at(dir, name);
    }
    bobbin::Result<std::vector<bobbin::Attribute>> attributes(bobbin::FileHandle h) noexcept {
        ++bends_->attributes;
        if (const auto error = ask(bobbin::Operation::query, name_of(h))) return *error;
        return PosixTreeFs::attributes(h);
    }

private:
    std::optional<bobbin::Error> ask(bobbin::Operation operation, const std::string& name) {
        return bends_->before ? bends_->before(operation, name) : std::nullopt;
    }
    bobbin::Result<bobbin::FileHandle> opened(bobbin::Result<bobbin::FileHandle> handle,
                                              const char* name) {
        if (!handle) return handle;
        bends_->count_open(1);
        const std::lock_guard lock{bends_->mutex};
        bends_->names[*handle] = name;
        return handle;
    }
    std::string name_of(bobbin::FileHandle h) {
        const std::lock_guard lock{bends_->mutex};
        return bends_->names[h];
    }
    bobbin::Result<bobbin::NodeStatus> bent(bobbin::Result<bobbin::NodeStatus> status) {
        if (status && bends_->status) bends_->status(*status);
        return status;
    }

    std::shared_ptr<Bends> bends_;
};
static_assert(bobbin::TreeFileSystem<BentFs>);

inline void put_file(const std::string& path, std::string_view text) {
    std::ofstream file{path, std::ios::binary | std::ios::trunc};
    file.write(text.data(), static_cast<std::streamsize>(text.size()));
    if (!file.flush()) throw std::runtime_error{"cannot write " + path};
}
inline void make_directory(const std::string& path) {
    if (::mkdir(path.c_str(), 0755) != 0) throw std::runtime_error{"cannot make " + path};
}
inline void set_modified(const std::string& path, std::int64_t seconds, long nanoseconds = 0) {
    const timespec times[2] = {{0, UTIME_OMIT}, {seconds, nanoseconds}};
    if (::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
        throw std::runtime_error{"cannot set the time of " + path};
}
// Like source text: it shrinks, and no two seeds have a chunk in common.
inline std::string text_of(std::uint64_t seed, std::size_t size) {
    std::string text;
    text.reserve(size + 32);
    for (auto state = seed; text.size() < size; state = state * 6364136223846793005 + 1)
        text += "word " + std::to_string((state >> 33) % 100'000) + '\n';
    text.resize(size);
    return text;
}

// A tree on a real file system, and saves of it.
class SavedDirectory {
public:
    const std::string& path() const { return directory_.path(); }
    std::string operator/(const std::string& name) const { return path() + '/' + name; }

    // Throws where the save fails.
    pack::SavedTree save(bool with_cache = false) {
        auto saved = try_save(with_cache);
        if (!saved) throw std::runtime_error{describe(saved.error())};
        return *std::move(saved);
    }
    bobbin::Result<pack::SavedTree> try_save(bool with_cache = false) {
        problems.clear();
        options.on_problem = [&](const pack::SaveProblem& problem) { problems.push_back(problem); };
        bends->opened_files = bends->attributes = bends->listed = 0;
        BentFs fs{bends};
        pack::FileCache<BentFs>* const none = nullptr;
        const pack::MakeCodec<bobbin::Lz4> make{};
        if (!with_cache) return pack::save_tree(fs, path(), store, options, none, make);
        const auto dir = fs.open_root(beside_.path().c_str(), bobbin::RootMode::existing);
        if (!dir) return dir.error();
        auto saved = [&]() -> bobbin::Result<pack::SavedTree> {
            auto cache = pack::FileCache<BentFs>::open(fs, *dir, "files");
            if (!cache) return cache.error();
            bends->opened_files = 0;
            return pack::save_tree(fs, path(), store, options, cache->get(), make);
        }();
        (void)fs.close(*dir);
        return saved;
    }
    Tree tree(const pack::SavedTree& saved) { return read_tree(store, saved.root); }
    std::string cache_path() const { return beside_ / "files"; }
    const std::string& cache_directory() const { return beside_.path(); }
    // "kind path" of each problem, sorted.
    std::vector<std::string> told() const {
        std::vector<std::string> all;
        for (const auto& problem : problems)
            all.push_back(std::string{name_of(problem.kind)} + ": " + problem.path);
        std::ranges::sort(all);
        return all;
    }
    // So that stamps of what is there now are older than the next save.
    void wait_for_clock() {
        const auto probe = beside_ / "probe";
        put_file(probe, "");
        const auto now = [&] {
            put_file(probe, "");
            struct stat s {};
            ::stat(probe.c_str(), &s);
            return std::pair{s.st_mtim.tv_sec, s.st_mtim.tv_nsec};
        };
        for (const auto then = now(); now() == then;) ::usleep(500);
        ::unlink(probe.c_str());
    }

    pack::SaveOptions options;
    MemoryStore store;
    std::shared_ptr<Bends> bends = std::make_shared<Bends>();
    std::vector<pack::SaveProblem> problems;

private:
    TemporaryDirectory directory_;
    TemporaryDirectory beside_;
};

}  // namespace bobbin_tests

#endif

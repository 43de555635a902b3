#ifndef BOBBIN_TESTS_ENGINE_FIXTURE_HPP
#define BOBBIN_TESTS_ENGINE_FIXTURE_HPP

#include <bobbin/bobbin.hpp>
#include <bobbin/index/video.hpp>
#include <bobbin/store/memory.hpp>
#include <bobbin/testing/faulty_fs.hpp>
#include <bobbin/testing/sim_fs.hpp>

#include <boost/test/unit_test.hpp>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace engine_tests {

using namespace bobbin;
using namespace std::chrono_literals;
using testing::Call;

using Fs = testing::FaultyFs<testing::SimFs>;

/// What the engine told, for tests to look at.
struct Log {
    std::vector<ObjectId> committed, marked, soft_marked, deleted, removed, missing, recovered, quarantined;
    std::vector<Lost> lost;
    std::vector<std::tuple<ObjectId, ObjectId, EndReason>> splits;
    std::vector<Error> errors;
    std::vector<CommitReport> commits;
    std::vector<std::pair<WriteMode, WriteModeReason>> modes;
    std::uint64_t dropped = 0;
    unsigned retries = 0, degraded = 0, restored = 0, unmet = 0;
};

struct Recorder : NullObserver {
    std::shared_ptr<Log> log = std::make_shared<Log>();
    void on_marked(ObjectId id, Bytes) noexcept { log->marked.push_back(id); }
    void on_soft_marked(ObjectId id, Bytes) noexcept { log->soft_marked.push_back(id); }
    void on_committed(ObjectId id, Bytes) noexcept { log->committed.push_back(id); }
    void on_split(ObjectId id, ObjectId next, EndReason why) noexcept {
        log->splits.emplace_back(id, next, why);
    }
    void on_lost(const Lost& lost) noexcept { log->lost.push_back(lost); }
    void on_dropped(StreamId, std::uint64_t records, Bytes) noexcept { log->dropped += records; }
    void on_deleted(ObjectId id) noexcept { log->deleted.push_back(id); }
    void on_removed(ObjectId id) noexcept { log->removed.push_back(id); }
    void on_missing(ObjectId id) noexcept { log->missing.push_back(id); }
    void on_recovered(ObjectId id, Bytes) noexcept { log->recovered.push_back(id); }
    void on_quarantined(ObjectId id, const Error&) noexcept { log->quarantined.push_back(id); }
    void on_commit(const CommitReport& report) noexcept { log->commits.push_back(report); }
    void on_retry(const Error&, unsigned, std::chrono::nanoseconds) noexcept { ++log->retries; }
    void on_error(const Error& error) noexcept { log->errors.push_back(error); }
    void on_write_mode(WriteMode mode, WriteModeReason why) noexcept { log->modes.emplace_back(mode, why); }
    void on_degraded(const Error&) noexcept { ++log->degraded; }
    void on_restored() noexcept { ++log->restored; }
    void on_retention_unmet(StreamId, Bytes) noexcept { ++log->unmet; }
};

/// One directory on a simulated file system whose calls can be made to fail, rows in memory, a
/// clock that stands still, no threads.
struct Bench {
    using Archive = bobbin::Archive<File<Fs>, VideoIndex, MemoryStore, ManualClock, Recorder>;

    explicit Bench(SyncerOptions with = {}) : options{with} {
        options.create = true;
        open_again();
    }

    /// As after the death of the process: what the kernel has stays.
    void open_again() {
        syncer.reset();
        committer.reset();
        auto again = store ? store->reopen() : MemoryStore{};
        store = std::make_unique<MemoryStore>(std::move(again));
        committer = std::make_unique<Committer>(*store, clock);
        syncer.emplace(open("/sim/footage"));
        auto found = store->stream("door");
        BOOST_TEST_REQUIRE(found.has_value());
        door = *found;
    }
    Archive::Syncer open(const char* path) {
        auto directory = FsDirectory<Fs>::open(path, RootMode::create_if_missing, fs);
        BOOST_TEST_REQUIRE(directory.has_value());
        auto opened = Archive::Syncer::open(std::move(*directory), *committer, options, clock, recorder);
        BOOST_TEST_REQUIRE(opened.has_value(), message(opened));
        return std::move(*opened);
    }

    Archive::Writer writer(WriterOptions with = {}) { return writer(*syncer, with); }
    Archive::Writer writer(Archive::Syncer& of, WriterOptions with = {}) {
        auto made = of.writer(door, with);
        BOOST_TEST_REQUIRE(made.has_value(), message(made));
        return std::move(*made);
    }
    /// One object of 40 KB, committed.
    ObjectId record(Archive::Writer& to, std::size_t n) { return record(*syncer, to, n); }
    ObjectId record(Archive::Syncer& of, Archive::Writer& to, std::size_t n) {
        BOOST_TEST(append(to, n * 5, 40'000).has_value());
        const auto id = *to.end();
        const auto waited = of.wait(id, 10s);
        BOOST_TEST(waited.has_value(), message(waited));
        return id;
    }
    std::optional<ObjectRow> row(ObjectId id) { return *store->object(id); }
    ObjectState state(ObjectId id) {
        const auto found = row(id);
        return found ? found->state : ObjectState{};
    }

    template <class T>
    static std::string message(const Result<T>& result) {
        return result ? std::string{"ok"} : describe(result.error());
    }

    /// Record number `n` of `size` bytes; its content tells which it is.
    static std::vector<std::byte> bytes(std::size_t n, std::size_t size = 5000) {
        std::vector<std::byte> out(size);
        for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::byte>(n * 131 + i * 7 + i / 251);
        return out;
    }
    static VideoIndex::Record record(std::size_t n, std::size_t group = 5) {
        return {MediaDuration{3000}, n % group == 0};
    }
    Result<void> append(Archive::Writer& to, std::size_t n, std::size_t size = 5000) {
        return to.append(bytes(n, size), record(n));
    }

    std::vector<std::byte> content(ObjectId id) {
        auto object = syncer->reader().open(id);
        BOOST_TEST_REQUIRE(object.has_value(), message(object));
        std::vector<std::byte> all(static_cast<std::size_t>(object->size().value));
        auto got = object->read(all, 0);
        BOOST_TEST_REQUIRE(got.has_value(), message(got));
        BOOST_TEST(*got == all.size());
        auto counts = VideoIndex::count(object->index(), object->size());
        BOOST_TEST(counts.has_value(), message(counts));
        return all;
    }
    static std::vector<std::byte> joined(std::size_t first, std::size_t last, std::size_t size = 5000) {
        std::vector<std::byte> all;
        for (auto n = first; n < last; ++n) {
            const auto part = bytes(n, size);
            all.insert(all.end(), part.begin(), part.end());
        }
        return all;
    }

    void fail(testing::CallSet calls, int error, bool for_ever = false, std::uint64_t nth = 1) {
        fs.plan().add({calls, nth, for_ever, error, testing::Fault::Effect::fail});
    }
    std::vector<std::string> data_files(const char* path = "/sim/footage") {
        auto directory = FsDirectory<Fs>::open(path, RootMode::existing, fs);
        auto names = directory->list();
        std::vector<std::string> ours;
        for (const auto& name : *names)
            if (ObjectName::parse(name)) ours.push_back(name);
        return ours;
    }
    Log& log() { return *recorder.log; }

    using Committer = bobbin::Committer<MemoryStore, ManualClock>;
    SyncerOptions options;
    Fs fs;
    ManualClock clock;
    Recorder recorder;
    std::unique_ptr<MemoryStore> store;
    std::unique_ptr<Committer> committer;
    std::optional<Archive::Syncer> syncer;
    StreamId door;
};

}  // namespace engine_tests

#endif

#include "fixture.hpp"

#include <bobbin/store/sqlite.hpp>

#include <temporary.hpp>

#include <array>
#include <atomic>
#include <condition_variable>
#include <set>
#include <thread>

using namespace engine_tests;

// Boost's checks are of one thread, so threads note what is wrong, and the test checks that nothing is.
namespace {

class Wrong {
public:
    void add(std::string what) {
        const std::lock_guard lock{mutex_};
        if (notes_.size() < 20) notes_.push_back(std::move(what));
    }
    template <class T>
    bool ok(const Result<T>& result, const char* what) {
        if (!result) add(std::string{what} + ": " + describe(result.error()));
        return result.has_value();
    }
    void check(bool holds, const char* what) {
        if (!holds) add(what);
    }
    std::string all() const {
        const std::lock_guard lock{mutex_};
        std::string text;
        for (const auto& note : notes_) text += note + '\n';
        return text;
    }

private:
    mutable std::mutex mutex_;
    std::vector<std::string> notes_;
};

/// What was told, by id.
struct Told : NullObserver {
    struct Ids {
        std::mutex mutex;
        std::set<ObjectId> committed, deleted;
        std::uint64_t errors = 0, lost = 0, dropped = 0;
    };
    std::shared_ptr<Ids> ids = std::make_shared<Ids>();
    void on_committed(ObjectId id, Bytes) noexcept {
        const std::lock_guard lock{ids->mutex};
        ids->committed.insert(id);
    }
    void on_deleted(ObjectId id) noexcept {
        const std::lock_guard lock{ids->mutex};
        ids->deleted.insert(id);
    }
    void on_dropped(StreamId, std::uint64_t records, Bytes) noexcept {
        const std::lock_guard lock{ids->mutex};
        ids->dropped += records;
    }
    void on_error(const Error&) noexcept {
        const std::lock_guard lock{ids->mutex};
        ++ids->errors;
    }
    void on_lost(const Lost&) noexcept {
        const std::lock_guard lock{ids->mutex};
        ++ids->lost;
    }
};

/// A record tells its stream, its number and its size; all else follows from these.
constexpr std::size_t header_size = 12;
std::size_t size_of(std::uint32_t n) { return header_size + (n * 7919u) % 9000u; }
std::byte byte_at(std::uint32_t stream, std::uint32_t n, std::size_t i) {
    return static_cast<std::byte>(stream * 31 + n * 131 + i * 7 + i / 251);
}
std::vector<std::byte> record_bytes(StreamId stream, std::uint32_t n) {
    std::vector<std::byte> bytes(size_of(n));
    store_le(bytes.data(), stream.value);
    store_le(bytes.data() + 4, n);
    store_le(bytes.data() + 8, static_cast<std::uint32_t>(bytes.size()));
    for (auto i = header_size; i < bytes.size(); ++i) bytes[i] = byte_at(stream.value, n, i);
    return bytes;
}

/// The numbers of the first record and of the one after the last; empty where the bytes are not
/// whole records of `stream`, one after the other.
std::optional<std::pair<std::uint32_t, std::uint32_t>> numbers_in(ByteView bytes, StreamId stream) {
    std::optional<std::uint32_t> first;
    std::uint32_t next = 0;
    while (!bytes.empty()) {
        if (bytes.size() < header_size) return {};
        const auto n = load_le<std::uint32_t>(bytes.data() + 4);
        if (load_le<std::uint32_t>(bytes.data()) != stream.value) return {};
        if (first && n != next) return {};
        if (!first) first = n;
        const auto expected = record_bytes(stream, n);
        if (bytes.size() < expected.size()) return {};
        if (!std::ranges::equal(bytes.first(expected.size()), expected)) return {};
        bytes = bytes.subspan(expected.size());
        next = n + 1;
    }
    if (!first) return {};
    return std::pair{*first, next};
}

template <class Store>
Store make_store(const std::string& where);
template <>
MemoryStore make_store<MemoryStore>(const std::string&) {
    return MemoryStore{};
}
template <>
SqliteStore make_store<SqliteStore>(const std::string& where) {
    auto store = SqliteStore::open(where + "/catalog.db");
    BOOST_TEST_REQUIRE(store.has_value());
    return std::move(*store);
}

template <class Store>
struct Machine {
    using Archive = bobbin::Archive<VideoIndex, Store, Told>;
    using Syncer = typename Archive::Syncer;
    using Writer = typename Archive::Writer;

    static constexpr std::uint32_t group = 5;

    explicit Machine(SyncerOptions with = {}) : options{with} {
        options.create = true;
        for (auto& syncer : syncers) syncer.emplace(open(&syncer - syncers.data()));
    }

    Syncer open(std::ptrdiff_t number) {
        auto opened =
            Syncer::open(place.path() + "/d" + std::to_string(number), committer, options, told);
        BOOST_TEST_REQUIRE(opened.has_value(), Bench::message(opened));
        return std::move(*opened);
    }

    StreamId stream(std::size_t number, Bytes retain = no_limit) {
        auto made = store.stream("stream " + std::to_string(number), {.retain = retain});
        BOOST_TEST_REQUIRE(made.has_value());
        return *made;
    }
    Writer writer(Syncer& of, StreamId stream, WriterOptions with = {}) {
        auto made = of.writer(stream, with);
        if (!made) throw std::runtime_error{describe(made.error())};
        return std::move(*made);
    }
    Result<void> append(Writer& to, std::uint32_t n) {
        return to.append(record_bytes(to.stream(), n), {MediaDuration{3000}, n % group == 0});
    }

    /// A deletion may come in between at any moment.
    static bool is_gone(const Error& error) {
        return error.is(Errc::object_unknown) || error.is_errno(ENOENT);
    }

    void read_growing(Syncer& of, StreamId stream) {
        for (const auto& view : of.reader().growing(stream)) {
            std::vector<std::byte> bytes(static_cast<std::size_t>(view.size.value));
            auto got = of.reader().read_growing(view.id, bytes, 0);
            if (!got) {
                if (!is_gone(got.error())) wrong.ok(got, "read_growing");
                continue;
            }
            wrong.check(*got == bytes.size(), "a growing object became shorter");
            wrong.check(numbers_in(bytes, stream).has_value(),
                        "a growing object is not what was appended");
            auto counts = VideoIndex::count(view.index, view.size);
            wrong.ok(counts, "the index of a growing object");
        }
    }
    void read_committed(Syncer& of, StreamId stream) {
        auto rows = store.objects(stream, 0, UINT32_MAX);
        if (!wrong.ok(rows, "objects")) return;
        std::uint32_t next = 0;
        for (const auto& row : *rows) {
            const auto numbers = read(of, row.id);
            if (!numbers) continue;
            wrong.check(numbers->first >= next, "objects are not in order");
            next = numbers->second;
        }
    }
    std::optional<std::pair<std::uint32_t, std::uint32_t>> read(Syncer& of, ObjectId id) {
        auto object = of.reader().open(id);
        if (!object) {
            if (!is_gone(object.error())) wrong.ok(object, "open");
            return {};
        }
        std::vector<std::byte> bytes(static_cast<std::size_t>(object->size().value));
        auto got = object->read(bytes, 0);
        if (!wrong.ok(got, "read")) return {};
        auto numbers = numbers_in(bytes, id.stream());
        wrong.check(numbers.has_value(), "a committed object is not what was appended");
        return numbers;
    }

    /// After an orderly end: `stream` has all records up to `end`, but for those that were deleted.
    void check_whole(Syncer& of, StreamId stream, std::uint32_t end) {
        auto rows = store.objects(stream, 0, UINT32_MAX);
        if (!wrong.ok(rows, "objects")) return;
        std::set<ObjectId> there, expected;
        bool was_deleted = false;
        for (const auto id : told.ids->committed) {
            if (id.stream() != stream) continue;
            if (told.ids->deleted.contains(id))
                was_deleted = true;
            else
                expected.insert(id);
        }
        std::uint32_t next = 0;
        for (const auto& row : *rows) {
            there.insert(row.id);
            const auto numbers = read(of, row.id);
            wrong.check(numbers.has_value(), "a committed object cannot be read");
            if (!numbers) return;
            wrong.check(numbers->first == next || (was_deleted && numbers->first > next),
                        "records are missing between objects");
            next = numbers->second;
        }
        wrong.check(next == end || was_deleted, "records are missing at the end");
        wrong.check(there == expected, "the rows are not what was told");
    }
    /// Nothing is left under way, neither rows nor files.
    void check_quiet(Syncer& of, std::size_t number) {
        constexpr std::array states{ObjectState::growing, ObjectState::garbage,
                                    ObjectState::quarantined};
        std::size_t unfinished = 0;
        wrong.ok(committer.run([&](typename Store::Transaction& tx) -> Result<void> {
            for (const auto state : states) {
                auto rows = tx.in_state(of.directory(), state);
                if (!rows) return rows.error();
                unfinished += rows->size();
            }
            return {};
        }),
                 "run");
        wrong.check(unfinished == 0, "rows are left under way");
        std::set<std::string> files, expected;
        auto at = FsDirectory<PosixFs>::open(place.path() + "/d" + std::to_string(number),
                                             RootMode::existing);
        const auto names = at->list();
        for (const auto& name : *names)
            if (ObjectName::parse(name)) files.insert(name);
        auto streams = store.streams();
        for (const auto& stream : *streams) {
            auto rows = store.objects(stream.id, 0, UINT32_MAX);
            for (const auto& row : *rows)
                if (row.directory == of.directory()) expected.insert(ObjectName{row.id}.c_str());
        }
        wrong.check(files == expected, "the files are not those of the rows");
    }

    bobbin_tests::TemporaryDirectory place;
    SyncerOptions options;
    Told told;
    Store store{make_store<Store>(place.path())};
    Committer<Store> committer{store};
    std::array<std::optional<Syncer>, 2> syncers;
    Wrong wrong;
};

/// Threads that end by themselves, all joined at the end of the scope.
using Crowd = std::vector<std::jthread>;

template <class Store>
void everything_at_once(std::uint32_t records) {
    Machine<Store> machine{{.memory = 1_MiB, .mark_interval = 20ms}};
    constexpr std::size_t writers = 4, streams_each = 3;
    struct Line {
        StreamId stream;
        std::size_t at;
        bool has_limit;
    };
    std::vector<Line> lines;
    for (std::size_t i = 0; i < writers * streams_each; ++i)
        lines.push_back({machine.stream(i, i % 3 == 2 ? 400_KiB : no_limit), i % 2, i % 3 != 0});
    std::atomic<int> busy{static_cast<int>(writers)};
    std::mutex ended_mutex;
    std::vector<std::pair<std::size_t, ObjectId>> ended;
    {
        const auto running = run_all(machine.committer, *machine.syncers[0], *machine.syncers[1]);
        Crowd crowd;
        for (std::size_t w = 0; w < writers; ++w)
            crowd.emplace_back([&, w] {
                std::vector<typename Machine<Store>::Writer> mine;
                for (std::size_t i = 0; i < streams_each; ++i) {
                    const auto& line = lines[w * streams_each + i];
                    mine.push_back(machine.writer(*machine.syncers[line.at], line.stream,
                                                  {.flush_interval = i == 1 ? 1h : 0s}));
                }
                for (std::uint32_t n = 0; n < records; ++n)
                    for (std::size_t i = 0; i < streams_each; ++i) {
                        machine.wrong.ok(machine.append(mine[i], n), "append");
                        if (n % 25 != 24) continue;
                        auto id = mine[i].end();
                        const std::lock_guard lock{ended_mutex};
                        ended.emplace_back(lines[w * streams_each + i].at, *id);
                    }
                --busy;
            });
        for (int r = 0; r < 2; ++r)
            crowd.emplace_back([&, r] {
                for (std::size_t i = static_cast<std::size_t>(r); busy != 0; ++i) {
                    const auto& line = lines[i % lines.size()];
                    machine.read_growing(*machine.syncers[line.at], line.stream);
                    machine.read_committed(*machine.syncers[line.at], line.stream);
                }
            });
        crowd.emplace_back([&] {
            while (busy != 0) machine.wrong.ok(machine.committer.flush(60s), "flush");
        });
        crowd.emplace_back([&] {
            std::uint64_t ran = 0, asked = 0;
            for (std::size_t i = 0; busy != 0; ++i) {
                ++asked;
                machine.wrong.ok(machine.committer.run([&](auto&) -> Result<void> {
                    ++ran;
                    return {};
                }),
                                 "run");
                if (const auto& line = lines[i % lines.size()]; line.has_limit)
                    machine.wrong.ok(machine.committer.lower_retention(line.stream, 300_KiB),
                                     "lower");
            }
            machine.wrong.check(ran == asked, "a job did not run once");
        });
        crowd.emplace_back([&] {
            // Whoever waits for an object finds it afterwards, unless it was deleted.
            for (std::size_t i = 0; busy != 0; ++i) {
                std::optional<std::pair<std::size_t, ObjectId>> one;
                {
                    const std::lock_guard lock{ended_mutex};
                    if (!ended.empty()) one = ended[i % ended.size()];
                }
                if (!one) continue;
                auto& syncer = *machine.syncers[one->first];
                if (i % 4 == 0) (void)machine.committer.flush(60s);
                auto waited = syncer.wait(one->second, 60s);
                if (!waited && !machine.is_gone(waited.error())) machine.wrong.ok(waited, "wait");
                if (!waited) continue;
                auto guarded = machine.committer.protect(one->second, i % 2 == 0);
                if (!guarded && !machine.is_gone(guarded.error()))
                    machine.wrong.ok(guarded, "protect");
            }
            for (const auto& [at, id] : ended) {
                auto freed = machine.committer.protect(id, false);
                if (!freed && !machine.is_gone(freed.error())) machine.wrong.ok(freed, "protect");
            }
        });
        crowd.clear();
        machine.wrong.ok(machine.committer.drain(60s), "drain");
        for (std::size_t i = 0; i < machine.syncers.size(); ++i)
            machine.check_quiet(*machine.syncers[i], i);
    }
    for (const auto& line : lines)
        machine.check_whole(*machine.syncers[line.at], line.stream, records);
    for (const auto& [at, id] : ended)
        machine.wrong.check(machine.told.ids->committed.contains(id),
                            "an object was not acknowledged");
    for (const auto id : machine.told.ids->deleted)
        machine.wrong.check(machine.told.ids->committed.contains(id),
                            "deleted before it was committed");
    machine.wrong.check(machine.told.ids->errors == 0, "errors were told");
    machine.wrong.check(!machine.told.ids->deleted.empty(), "nothing was deleted");
    BOOST_TEST(machine.wrong.all() == "");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(engine_threads)

BOOST_AUTO_TEST_CASE(everything_at_once_in_memory) { everything_at_once<MemoryStore>(400); }
BOOST_AUTO_TEST_CASE(everything_at_once_in_sqlite) { everything_at_once<SqliteStore>(200); }

namespace {

/// Its disk can be made to hang.
struct HungStore : MemoryStore {
    struct Gate {
        std::mutex mutex;
        std::condition_variable changed;
        bool is_shut = false;
        bool somebody_waits = false;

        void set(bool shut) {
            const std::lock_guard lock{mutex};
            is_shut = shut;
            changed.notify_all();
        }
        void pass() {
            std::unique_lock lock{mutex};
            somebody_waits = is_shut;
            changed.notify_all();
            changed.wait(lock, [&] { return !is_shut; });
            somebody_waits = false;
        }
        void await_somebody() {
            std::unique_lock lock{mutex};
            changed.wait(lock, [&] { return somebody_waits; });
        }
    };
    class Transaction : public MemoryStore::Transaction {
    public:
        Transaction(MemoryStore::Transaction tx, Gate& gate)
            : MemoryStore::Transaction{std::move(tx)}, gate_{&gate} {}
        Result<void> commit() noexcept {
            gate_->pass();
            return MemoryStore::Transaction::commit();
        }

    private:
        Gate* gate_;
    };
    Result<Transaction> begin(Durability = Durability::hard) noexcept {
        auto tx = MemoryStore::begin();
        if (!tx) return tx.error();
        return Transaction{std::move(*tx), *gate};
    }
    std::shared_ptr<Gate> gate = std::make_shared<Gate>();
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_flush_comes_back_while_the_store_hangs) {
    using Archive = bobbin::Archive<HungStore>;
    bobbin_tests::TemporaryDirectory place;
    HungStore store;
    Committer committer{store};
    auto syncer = Archive::Syncer::open(place.path() + "/data", committer, {.create = true});
    BOOST_TEST_REQUIRE(syncer.has_value(), Bench::message(syncer));
    auto writer = syncer->writer(*store.stream("door"));
    const auto running = run_all(committer, *syncer);
    store.gate->set(true);
    BOOST_TEST(writer->append(as_bytes("record")).has_value());
    const auto id = *writer->end();
    store.gate->await_somebody();
    BOOST_TEST(committer.flush(10ms).error().is(Errc::deadline_passed));
    BOOST_TEST(committer.drain(10ms).error().is(Errc::deadline_passed));
    BOOST_TEST(syncer->wait(id, 10ms).error().is(Errc::deadline_passed));
    store.gate->set(false);
    BOOST_TEST(committer.flush(60s).has_value());
    BOOST_TEST(syncer->wait(id, 60s).has_value());
}

namespace {

struct HungFs : PosixFs {
    std::shared_ptr<HungStore::Gate> gate = std::make_shared<HungStore::Gate>();
    Result<void> sync(FileHandle file) noexcept {
        gate->pass();
        return PosixFs::sync(file);
    }
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_hung_disk_stalls_its_own_directory_only) {
    using Archive = bobbin::Archive<File<HungFs>, VideoIndex, MemoryStore, Told>;
    bobbin_tests::TemporaryDirectory place;
    MemoryStore store;
    Committer committer{store};
    HungFs hung, well;
    Told told;
    const auto open = [&](const char* name, const HungFs& fs) {
        auto directory = FsDirectory<HungFs>::open(place / name, RootMode::create_if_missing, fs);
        auto syncer = Archive::Syncer::open(std::move(*directory), committer,
                                            {.create = true, .memory = 256_KiB, .when_full = WhenFull::drop}, told);
        BOOST_TEST_REQUIRE(syncer.has_value(), Bench::message(syncer));
        return std::move(*syncer);
    };
    auto one = open("hung", hung), other = open("well", well);
    auto door = *one.writer(*store.stream("door")), yard = *other.writer(*store.stream("yard"));
    const auto running = run_all(committer, one, other);
    const auto append = [](Archive::Writer& to, std::size_t n) {
        const auto appended = to.append(Bench::bytes(n, 20'000), Bench::record(n));
        BOOST_TEST(appended.has_value(), Bench::message(appended));
    };

    hung.gate->set(true);
    append(door, 0);
    const auto first = *door.end();
    hung.gate->await_somebody();
    // Far more than there is memory for; nobody waits.
    for (std::size_t n = 5; n < 105; ++n) append(door, n);
    BOOST_TEST(one.wait(first, 20ms).error().is(Errc::deadline_passed));
    BOOST_TEST((one.busy_for() >= 20ms));
    BOOST_TEST(told.ids->dropped > 0u);
    BOOST_TEST(told.ids->dropped < 100u);
    for (std::size_t n = 0; n < 25; n += 5) {
        append(yard, n);
        const auto id = *yard.end();
        BOOST_TEST(other.wait(id, 60s).has_value());
    }

    hung.gate->set(false);
    (void)door.end();
    BOOST_TEST(committer.flush(60s).has_value());
    BOOST_TEST(one.wait(first, 60s).has_value());
    // What memory had room for is there, in whole groups.
    std::uint64_t samples = 0;
    for (Sequence n = 1; store.object({door.stream(), n})->has_value(); ++n) {
        auto object = one.reader().open(ObjectId{door.stream(), n});
        BOOST_TEST_REQUIRE(object.has_value(), Bench::message(object));
        const auto counts = VideoIndex::count(object->index(), object->size());
        BOOST_TEST_REQUIRE(counts.has_value());
        samples += counts->samples;
    }
    BOOST_TEST(samples + told.ids->dropped == 101u);
}

BOOST_AUTO_TEST_CASE(threads_stop_and_start_while_writers_go_on) {
    Machine<MemoryStore> machine{{.memory = 256_KiB, .mark_interval = 20ms}};
    constexpr std::uint32_t records = 1500;
    std::array<StreamId, 4> streams;
    for (std::size_t i = 0; i < streams.size(); ++i) streams[i] = machine.stream(i);
    std::atomic<int> busy{static_cast<int>(streams.size())};
    std::atomic<std::uint64_t> appended{0};
    {
        Crowd crowd;
        for (std::size_t i = 0; i < streams.size(); ++i)
            crowd.emplace_back([&, i] {
                auto& syncer = *machine.syncers[i % 2];
                auto writer = machine.writer(syncer, streams[i]);
                for (std::uint32_t n = 0; n < records; ++n) {
                    machine.wrong.ok(machine.append(writer, n), "append");
                    ++appended;
                    if (n % 50 != 49) continue;
                    const auto id = *writer.end();
                    if (n % 100 == 99) machine.wrong.ok(syncer.wait(id, 60s), "wait");
                    if (n % 250 == 249) machine.wrong.ok(machine.committer.flush(60s), "flush");
                }
                --busy;
            });
        // With all threads, with one of the two kinds, with none: whoever waits does what nobody else does.
        const auto more = [&] {
            for (const auto from = appended.load(); busy != 0 && appended < from + 100;)
                std::this_thread::yield();
        };
        while (busy != 0) {
            {
                const auto running =
                    run_all(machine.committer, *machine.syncers[0], *machine.syncers[1]);
                more();
            }
            more();
            {
                const auto only = machine.committer.start();
                more();
            }
            {
                const auto one = machine.syncers[0]->start();
                const auto other = machine.syncers[1]->start();
                more();
            }
        }
    }
    machine.wrong.ok(machine.committer.drain(60s), "drain");
    for (std::size_t i = 0; i < streams.size(); ++i)
        machine.check_whole(*machine.syncers[i % 2], streams[i], records);
    for (std::size_t i = 0; i < 2; ++i) machine.check_quiet(*machine.syncers[i], i);
    BOOST_TEST(machine.wrong.all() == "");
}

BOOST_AUTO_TEST_CASE(syncers_come_and_go_while_the_committer_runs) {
    Machine<MemoryStore> machine{{.memory = 1_MiB}};
    machine.syncers[1].reset();
    const auto kept = machine.stream(0), moving = machine.stream(1);
    std::atomic<bool> is_done{false};
    std::uint32_t written = 0;
    std::vector<ObjectId> acknowledged;
    {
        const auto running = run_all(machine.committer, *machine.syncers[0]);
        Crowd crowd;
        crowd.emplace_back([&] {
            auto writer = machine.writer(*machine.syncers[0], kept);
            for (; !is_done; ++written) {
                machine.wrong.ok(machine.append(writer, written), "append");
                if (written % 25 == 24)
                    machine.wrong.ok(machine.syncers[0]->wait(*writer.end(), 60s), "wait");
            }
        });
        for (int i = 0; i < 2; ++i)
            crowd.emplace_back([&] {
                while (!is_done) {
                    // What a directory takes along is told.
                    if (const auto done = machine.committer.flush(60s);
                        done || !done.error().is(Errc::stop_requested))
                        machine.wrong.ok(done, "flush");
                    std::this_thread::sleep_for(100us);
                }
            });
        struct Done {
            std::atomic<bool>& flag;
            ~Done() { flag = true; }
        } const done{is_done};
        for (int round = 0; round < 40; ++round) {
            auto syncer = machine.open(1);
            std::optional<std::jthread> thread;
            if (round % 2 == 0) thread = syncer.start();
            auto writer = machine.writer(syncer, moving);
            for (std::uint32_t n = 0; n < 20; ++n) {
                machine.wrong.ok(machine.append(writer, n), "append");
                if (n % 5 != 4) continue;
                const auto id = *writer.end();
                if (n != 9) continue;
                machine.wrong.ok(syncer.wait(id, 60s), "wait");
                acknowledged.push_back(id);
            }
        }
    }
    machine.wrong.ok(machine.committer.drain(60s), "drain");
    machine.check_whole(*machine.syncers[0], kept, written);
    machine.syncers[1].emplace(machine.open(1));
    for (const auto id : acknowledged)
        machine.wrong.check(machine.read(*machine.syncers[1], id) == std::pair{5u, 10u},
                            "an acknowledged object is not there");
    for (std::size_t i = 0; i < 2; ++i) machine.check_quiet(*machine.syncers[i], i);
    BOOST_TEST(machine.wrong.all() == "");
}

BOOST_AUTO_TEST_SUITE_END()

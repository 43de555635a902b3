#include "doubtful_store.hpp"
#include "fixture.hpp"

using namespace engine_tests;

// The program's own rows: what they are told, and that nobody suffers from what they refuse.
namespace {

struct Heard {
    std::vector<std::string> calls;
    static constexpr Sequence all = 0xFFFF'FFFF;
    Sequence refused = 0;  ///< the number whose `refused_call` fails
    unsigned refusals = 0;
    std::string refused_call;
};

/// Notes what it is told. Facts are a label; a split adds what was before it, and what was dropped.
struct NotedRows {
    using policy_concept = rows_tag;
    struct Facts {
        std::string label;
    };

    template <class Tx>
    Result<void> begin(Tx&, ObjectId id, const Facts& facts) {
        return note("begin", id, facts.label);
    }
    template <class Tx, class Counts>
    Result<void> advance(Tx&, ObjectId id, const Counts& counts) {
        return note("advance", id, std::to_string(counts.samples));
    }
    template <class Tx, class Counts>
    Result<void> commit(Tx&, ObjectId id, const Counts&, const Facts* facts) {
        return note("commit", id, facts ? facts->label : "nothing");
    }
    template <class Tx>
    Result<void> remove(Tx&, ObjectId id) {
        return note("remove", id, "");
    }
    template <class Counts>
    Facts split(const Facts& facts, const Counts& before, const Counts& dropped) const {
        return {facts.label + '+' + std::to_string(before.samples) + '-' + std::to_string(dropped.samples)};
    }

    Result<void> note(const char* what, ObjectId id, const std::string& with) {
        const bool is_meant = heard->refused == Heard::all || heard->refused == id.sequence();
        if (is_meant && what == heard->refused_call) {
            ++heard->refusals;
            return Error{Errc::store_invariant, Operation::commit};
        }
        heard->calls.push_back(std::string{what} + ' ' + std::to_string(id.sequence()) + ' ' + with);
        return {};
    }
    std::shared_ptr<Heard> heard = std::make_shared<Heard>();
};

struct RowsBench {
    using Archive = bobbin::Archive<File<Fs>, VideoIndex, DoubtfulStore, NotedRows, ManualClock, Recorder>;

    explicit RowsBench(SyncerOptions options = {}) {
        options.create = true;
        auto directory = FsDirectory<Fs>::open("/sim/footage", RootMode::create_if_missing, fs);
        auto opened = Archive::Syncer::open(std::move(*directory), committer, options, clock, recorder, rows);
        BOOST_TEST_REQUIRE(opened.has_value(), Bench::message(opened));
        syncer.emplace(std::move(*opened));
        writer.emplace(std::move(*syncer->writer(door)));
    }
    void append(std::size_t n, std::size_t size = 5000) {
        const auto done = writer->append(Bench::bytes(n, size), Bench::record(n));
        BOOST_TEST(done.has_value(), Bench::message(done));
    }
    Result<void> record(std::size_t n) {
        append(n);
        return syncer->wait(*writer->end(), 60s);
    }
    void mark() {
        clock.advance(5s);
        syncer->step();
        committer.step();
    }
    void refuse(const char* call, Sequence number) {
        rows.heard->refused_call = call;
        rows.heard->refused = number;
    }
    ObjectState state(Sequence number) {
        const auto row = *store.object({door, number});
        return row ? row->state : ObjectState{};
    }
    std::vector<std::string>& calls() { return rows.heard->calls; }

    Fs fs;
    ManualClock clock;
    Recorder recorder;
    NotedRows rows;
    DoubtfulStore store;
    Committer<DoubtfulStore, ManualClock> committer{store, clock};
    StreamId door = *store.stream("door");
    std::optional<Archive::Syncer> syncer;
    std::optional<Archive::Writer> writer;
};

using Calls = std::vector<std::string>;

}  // namespace

BOOST_TEST_DONT_PRINT_LOG_VALUE(Calls)

BOOST_AUTO_TEST_SUITE(engine_rows)

BOOST_AUTO_TEST_CASE(what_has_ended_and_is_not_committed_is_read_with_the_facts_of_its_end) {
    RowsBench bench;
    bench.writer->begin({"begun"});
    bench.append(0);
    const auto label = [&] {
        const auto views = bench.syncer->reader().growing(bench.door);
        BOOST_TEST_REQUIRE(views.size() == 1u);
        return views[0].facts.label;
    };
    BOOST_TEST(label() == "begun");
    BOOST_TEST(bench.writer->end({"ended"}).has_value());
    BOOST_TEST(label() == "ended");
}

BOOST_AUTO_TEST_CASE(the_facts_of_the_end_are_those_of_the_last_part) {
    RowsBench bench;
    bench.writer->begin({"begun"});
    for (std::size_t n = 0; n < 5; ++n) bench.append(n);
    bench.mark();
    for (std::size_t n = 5; n < 10; ++n) bench.append(n);
    BOOST_TEST(bench.writer->end({"ended"}).has_value());
    bench.fs.plan().add({Call::sync, 1});
    (void)bench.committer.drain(60s);
    BOOST_TEST((bench.calls() == Calls{"begin 1 begun", "advance 1 5", "commit 1 begun",
                                       "begin 2 begun+5-0", "commit 2 ended"}));
}

BOOST_AUTO_TEST_CASE(what_is_dropped_before_the_first_record_counts) {
    RowsBench bench{{.memory = 128_KiB, .when_full = WhenFull::drop}};
    auto yard = bench.syncer->writer(*bench.store.stream("yard"));
    bench.fs.plan().add({{Call::create, Call::write}, 1, true, EAGAIN});
    BOOST_TEST(yard->append(Bench::bytes(0, 128 * 1024), Bench::record(0)).has_value());
    bench.writer->begin({"begun"});
    for (std::size_t n = 0; n < 5; ++n) bench.append(n);
    BOOST_TEST(yard->end().has_value());
    bench.fs.plan().clear();
    bench.clock.advance(10s);
    BOOST_TEST(bench.committer.drain(10s).has_value());
    bench.calls().clear();
    BOOST_TEST(bench.record(5).has_value());
    BOOST_TEST((bench.calls() == Calls{"begin 1 begun+0-5", "commit 1 begun+0-5"}));
    BOOST_TEST(bench.recorder.log->dropped == 5u);
    // And no longer than until the next end.
    BOOST_TEST(bench.record(10).has_value());
    BOOST_TEST(bench.calls().back() == "commit 2 ");
}

BOOST_AUTO_TEST_CASE(what_they_refuse_to_commit_holds_up_nobody) {
    RowsBench bench;
    bench.refuse("commit", 1);
    const auto began = bench.clock.monotonic();
    const auto waited = bench.record(0);
    BOOST_TEST_REQUIRE(!waited.has_value());
    BOOST_TEST(bench.record(5).has_value());
    BOOST_TEST((bench.clock.monotonic() - began < 1s));
    BOOST_TEST(bench.recorder.log->quarantined.size() == 1u);
    BOOST_TEST((bench.state(1) == ObjectState::quarantined));
    BOOST_TEST((bench.state(2) == ObjectState::committed));
}

BOOST_AUTO_TEST_CASE(what_they_refuse_is_not_acknowledged_by_a_flush) {
    for (const bool drains : {false, true}) {
        RowsBench bench;
        bench.refuse("commit", 1);
        bench.append(0);
        BOOST_TEST(bench.writer->end().has_value());
        const auto flushed = drains ? bench.committer.drain(60s) : bench.committer.flush(60s);
        BOOST_TEST_REQUIRE(!flushed.has_value());
        BOOST_TEST(flushed.error().is(Errc::object_lost));
    }
}

BOOST_AUTO_TEST_CASE(what_was_set_aside_stays_aside) {
    for (const char* call : {"begin", "advance"}) {
        RowsBench bench;
        bench.refuse(call, 1);
        bench.append(0);
        bench.mark();
        bench.committer.step();
        BOOST_TEST((bench.state(1) == ObjectState::quarantined));
        bench.append(1);
        bench.mark();
        bench.append(2);
        const auto waited = bench.syncer->wait(*bench.writer->end(), 60s);
        BOOST_TEST(!waited.has_value());
        BOOST_TEST(bench.record(5).has_value());
        BOOST_TEST((bench.state(1) == ObjectState::quarantined));
        BOOST_TEST((bench.recorder.log->committed == std::vector{ObjectId{bench.door, 2}}));
        BOOST_TEST(bench.calls().back() == "commit 2 ");
    }
}

BOOST_AUTO_TEST_CASE(what_they_refuse_to_let_go_is_passed_over) {
    RowsBench bench;
    BOOST_TEST(bench.committer.run([&](auto& tx) { return tx.set_retention(bench.door, Bytes{2 * 8192}); })
                   .has_value());
    bench.refuse("remove", 1);
    for (std::size_t n = 0; n < 5; ++n) BOOST_TEST(bench.record(n * 5).has_value());
    BOOST_TEST(bench.committer.drain(10s).has_value());
    BOOST_TEST((bench.state(1) == ObjectState::committed));
    for (Sequence n = 2; n <= 4; ++n) BOOST_TEST((bench.state(n) == ObjectState{}));
    BOOST_TEST((bench.state(5) == ObjectState::committed));
    BOOST_TEST(bench.recorder.log->errors.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_request_to_delete_tells_what_they_refuse_and_deletes_the_others) {
    RowsBench bench;
    for (std::size_t n = 0; n < 3; ++n) BOOST_TEST(bench.record(n * 5).has_value());
    bench.refuse("remove", 1);
    const auto lowered = bench.committer.lower_retention(bench.door, Bytes{});
    BOOST_TEST_REQUIRE(!lowered.has_value());
    BOOST_TEST(lowered.error().is(Errc::store_invariant));
    BOOST_TEST((bench.state(1) == ObjectState::committed));
    BOOST_TEST(bench.committer.drain(10s).has_value());
    BOOST_TEST((bench.state(2) == ObjectState{}));
    BOOST_TEST((bench.state(3) == ObjectState{}));
    // Nor does the next say that all is well.
    BOOST_TEST(bench.committer.lower_retention(bench.door, Bytes{}).error().is(Errc::store_invariant));
}

BOOST_AUTO_TEST_CASE(what_refuses_every_deletion_is_not_asked_for_ever) {
    RowsBench bench;
    BOOST_TEST(bench.committer.run([&](auto& tx) { return tx.set_retention(bench.door, Bytes{8192}); })
                   .has_value());
    bench.refuse("remove", Heard::all);
    for (std::size_t n = 0; n < 40; ++n) BOOST_TEST(bench.record(n * 5).has_value());
    BOOST_TEST(bench.rows.heard->refusals == 16u);
    BOOST_TEST(bench.recorder.log->unmet > 20u);
    BOOST_TEST(bench.committer.lower_retention(bench.door, Bytes{}).error().is(Errc::store_invariant));
}

BOOST_AUTO_TEST_CASE(what_the_program_deletes_while_it_grows_stays_deleted) {
    RowsBench bench;
    bench.append(0);
    bench.mark();
    BOOST_TEST((bench.state(1) == ObjectState::growing));
    BOOST_TEST(
        bench.committer.run([&](auto& tx) { return tx.make_garbage({bench.door, 1}); }).has_value());
    bench.append(1);
    bench.mark();
    BOOST_TEST((bench.state(1) == ObjectState::garbage));
    // Once its file is gone, and its row, nothing brings it back.
    BOOST_TEST(bench.committer.drain(10s).error().is(Errc::object_lost));
    BOOST_TEST((bench.state(1) == ObjectState{}));
    bench.append(2);
    const auto id = *bench.writer->end();
    BOOST_TEST(bench.syncer->wait(id, 60s).error().is(Errc::object_lost));
    BOOST_TEST(bench.committer.drain(10s).has_value());
    BOOST_TEST((bench.state(1) == ObjectState{}));
    BOOST_TEST((bench.recorder.log->removed == std::vector{id}));
    BOOST_TEST(bench.record(5).has_value());
}

BOOST_AUTO_TEST_CASE(what_was_set_aside_does_not_acknowledge_what_was_committed_with_it) {
    RowsBench bench;
    auto yard = bench.syncer->writer(*bench.store.stream("yard"));
    const auto append_to_yard = [&](std::size_t n) {
        BOOST_TEST(yard->append(Bench::bytes(n), Bench::record(n)).has_value());
    };
    bench.refuse("begin", 1);
    append_to_yard(0);
    bench.mark();
    bench.committer.step();
    BOOST_TEST(bench.recorder.log->quarantined.size() == 1u);
    bench.rows.heard->refused = 0;
    // The next batch: an object of the door, and then what the yard goes on with.
    append_to_yard(1);
    bench.append(0);
    const auto id = *bench.writer->end();
    bench.clock.advance(5s);
    bench.syncer->step();
    bench.store.doubt = true;
    bench.store.happens = false;
    bench.committer.step();
    BOOST_TEST(!bench.store.doubt);
    BOOST_TEST(bench.syncer->wait(id, 60s).has_value());
    BOOST_TEST((bench.state(1) == ObjectState::committed));
}

// It has given up its reserve then.
BOOST_AUTO_TEST_CASE(a_store_without_room_is_asked_again_at_once) {
    RowsBench bench;
    bench.store.is_full = true;
    unsigned calls = 0;
    const auto done = bench.committer.run([&](auto&) -> Result<void> {
        ++calls;
        return {};
    });
    BOOST_TEST(done.has_value(), Bench::message(done));
    BOOST_TEST(calls == 2u);

    bench.append(0);
    const auto id = *bench.writer->end();
    bench.syncer->step();
    bench.store.is_full = true;
    bench.committer.step();
    bench.committer.step();  // the clock stands still
    BOOST_TEST((bench.state(id.sequence()) == ObjectState::committed));
    BOOST_TEST(bench.recorder.log->retries == 1u);
}

// Recovery looks for files behind it only.
BOOST_AUTO_TEST_CASE(
    the_first_number_in_another_directory_is_made_known_though_the_store_had_no_room) {
    RowsBench bench;
    BOOST_TEST(bench.record(0).has_value());
    bench.writer.reset();
    auto attic = FsDirectory<Fs>::open("/sim/attic", RootMode::create_if_missing, bench.fs);
    auto other =
        RowsBench::Archive::Syncer::open(std::move(*attic), bench.committer, {.create = true},
                                         bench.clock, bench.recorder, bench.rows);
    BOOST_TEST_REQUIRE(other.has_value(), Bench::message(other));
    bench.store.is_full = true;
    BOOST_TEST(other->writer(bench.door).has_value());
    const auto usage = *bench.store.begin()->usage();
    const auto there = std::ranges::find(usage, other->directory(), &UsageRow::directory);
    BOOST_TEST_REQUIRE((there != usage.end()));
    BOOST_TEST(there->highest == 17u);
}

BOOST_AUTO_TEST_SUITE_END()

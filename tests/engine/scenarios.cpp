#include "scenario.hpp"

#include "invariants.hpp"

namespace engine_tests {
namespace {

void mark(Life& life) {
    life.clock.advance(5s);
    life.syncer->step();
    life.committer->step();
}

void soft_mark(Life& life) {
    life.clock.advance(1s);
    life.syncer->step();
    life.committer->step();
}

void drain(Life& life) {
    if (auto done = life.committer->drain(2s); !done)
        throw Life::Stop{"drain: " + life.store->describe(done.error())};
}

void lower(Life& life, StreamId stream, Bytes limit) {
    if (auto done = life.committer->lower_retention(stream, limit); !done)
        throw Life::Stop{"lower: " + life.store->describe(done.error())};
}

/// One object committed, one marked, and one written and told to nobody.
void leave_everything(Life& life) {
    auto writer = life.writer(life.stream("door"));
    record(life, writer, 0, 1);
    append(writer, 3);
    mark(life);
    append(writer, 4);
    (void)writer.end();
    append(writer, 6);
    (void)writer.end();
    life.syncer->step();
}

void live(Fs fs, Promise& promise, const Life::Options& options,
          const std::function<void(Life&, Promise&)>& what) {
    try {
        Life life{fs, &promise, options};
        std::string why;
        try {
            what(life, promise);
        } catch (const Life::Stop& stop) {
            why = stop.why;
        }
        life.teller.told = [] {};
        if (auto broken = life.oracle.text(); options.is_checked && !broken.empty())
            throw std::runtime_error{"order: " + broken};
        if (!why.empty()) throw Life::Stop{why};
    } catch (const Life::Stop& stop) {
        // An injected fault may end the program; without one that is a defect.
        if (fs.plan().hits() == 0) throw std::runtime_error{stop.why};
    }
}

}  // namespace

bool EngineScenario::is_opaque(const std::string& path) {
    // Nobody reads what the lock's file holds.
    return testing::OrderingOracle::is_data_file(path) || path.ends_with(FsDirectory<Fs>::lock_name);
}

void EngineScenario::prepare(SimFs fs) {
    for (const char* path : {"/sim/catalog", footage, attic})
        if (path != attic || has_attic) (void)fs.close(*fs.open_root(path, RootMode::create_if_missing));
    if (!is_created) return;
    Life life{Fs{fs}, nullptr, {.create = true, .has_attic = has_attic, .reserve = reserve}};
    (void)life.stream("door");
    if (before) before(life);
}

void EngineScenario::run(Fs fs, Promise& promise) {
    Life::Options options{.create = !is_created, .is_checked = use_oracle, .has_attic = has_attic, .reserve = reserve,
                          .expects_soft_marks = expects_soft_marks};
    live(fs, promise, options, body);
    options.create = false;
    if (second) live(fs, promise, options, second);
}

void EngineScenario::recover(SimFs fs, const Promise& promise, Failures& failures) {
    try {
        // What was never opened may be made anew; what was must be there.
        Life::Options options{.create = !promise.is_open, .has_attic = has_attic, .reserve = reserve};
        if (hurt) {
            auto with_faults = options;
            with_faults.hurt = hurt;
            const Life life{Fs{fs}, nullptr, with_faults};
        }
        Life life{Fs{fs}, nullptr, options};
        check_all(life, promise, failures);
    } catch (const Life::Stop& stop) {
        failures.add("recovery failed: " + stop.why);
    }
}

std::vector<EngineScenario> engine_scenarios() {
    std::vector<EngineScenario> all;
    all.push_back({"create", [](Life& life, Promise&) { (void)life.stream("door"); }, false});
    all.push_back({"open", [](Life&, Promise&) {}});
    all.push_back({"first write", [](Life& life, Promise&) {
                       auto writer = life.writer(life.stream("door"));
                       record(life, writer, 0, 3);
                   }});
    all.push_back({"create and write", [](Life& life, Promise&) {
                       auto writer = life.writer(life.stream("door"));
                       record(life, writer, 0, 2);
                   }, false});
    all.push_back({"rotation", [](Life& life, Promise&) {
                       auto writer = life.writer(life.stream("door"));
                       for (std::size_t n = 0; n < 9; n += 3) record(life, writer, n, n + 2);
                   }});
    all.push_back({"group commit", [](Life& life, Promise&) {
                       auto writer = life.writer(life.stream("door"));
                       for (std::size_t n = 0; n < 9; n += 3) {
                           append(writer, n);
                           (void)writer.end();
                       }
                       drain(life);
                   }});
    all.push_back({"several streams", [](Life& life, Promise&) {
                       auto door = life.writer(life.stream("door"));
                       auto yard = life.writer(life.stream("yard"));
                       for (std::size_t n = 0; n < 3; ++n) {
                           append(door, n);
                           append(yard, n);
                       }
                       (void)door.end();
                       (void)yard.end();
                       drain(life);
                   }});
    all.push_back({"marks", [](Life& life, Promise&) {
                       auto writer = life.writer(life.stream("door"));
                       for (std::size_t n = 0; n < 3; ++n) append(writer, n);
                       mark(life);
                       for (std::size_t n = 3; n < 6; ++n) append(writer, n);
                       mark(life);
                       append(writer, 6);
                       (void)life.syncer->wait(*writer.end(), 1s);
                   }});
    all.push_back({"marks of two streams", [](Life& life, Promise&) {
                       auto door = life.writer(life.stream("door"));
                       auto yard = life.writer(life.stream("yard"));
                       append(door, 0);
                       append(yard, 0);
                       mark(life);
                       append(door, 1);
                       (void)yard.end();
                       mark(life);
                   }});
    // The hard mark ends on its third page.
    all.push_back({"soft marks", [](Life& life, Promise&) {
                       auto writer = life.writer(life.stream("door"));
                       for (std::size_t n = 0; n < 3; ++n) append(writer, n);
                       soft_mark(life);
                       append(writer, 3);
                       mark(life);
                       append(writer, 4);
                       soft_mark(life);
                       append(writer, 5);
                       soft_mark(life);
                       (void)writer.end();
                       drain(life);
                   }});
    all.push_back({"soft marks beside a commit", [](Life& life, Promise&) {
                       auto door = life.writer(life.stream("door"));
                       auto yard = life.writer(life.stream("yard"));
                       append(door, 0);
                       soft_mark(life);
                       // Makes the soft one durable, too, and not its bytes.
                       record(life, yard, 0, 1);
                       append(door, 1);
                       soft_mark(life);
                   }});
    all.push_back({"a failed sync after soft marks", [](Life& life, Promise&) {
                       auto writer = life.writer(life.stream("door"));
                       for (std::size_t n = 0; n < 3; ++n) append(writer, n);
                       soft_mark(life);
                       for (std::size_t n = 3; n < 5; ++n) append(writer, n);
                       life.data.plan().add({testing::Call::sync, 1});
                       (void)writer.end();
                       (void)life.committer->drain(2s);  // tells of the failure
                       drain(life);
                   }});
    all.push_back({"an unclean end", [](Life& life, Promise&) {
                       {
                           auto writer = life.writer(life.stream("door"));
                           append(writer, 0);
                       }
                       drain(life);
                   }});
    all.push_back({"delete", [](Life& life, Promise& promise) {
                       const auto door = life.stream("door");
                       auto writer = life.writer(door);
                       record(life, writer, 0, 1);
                       record(life, writer, 3, 4);
                       promise.let_go();
                       lower(life, door, Bytes{0});
                       drain(life);
                   }});
    // Out of the reach of what recovery probes: only its row tells of the file.
    all.push_back({"delete far behind", [](Life& life, Promise&) {
                       lower(life, life.stream("door"), Bytes{17 * 4096});
                       drain(life);
                   }, true, [](Life& life) {
                       auto writer = life.writer(life.stream("door"));
                       for (std::size_t n = 0; n < 18 * 3; n += 3) record(life, writer, n, n + 1);
                   }});
    all.push_back({"delete while recording", [](Life& life, Promise& promise) {
                       const auto door = life.stream("door");
                       auto writer = life.writer(door);
                       record(life, writer, 0, 2);
                       append(writer, 3);
                       mark(life);
                       promise.let_go();
                       lower(life, door, Bytes{0});
                       append(writer, 4);
                       (void)writer.end();
                       drain(life);
                   }});
    all.push_back({"delete while reading", [](Life& life, Promise& promise) {
                       const auto door = life.stream("door");
                       auto writer = life.writer(door);
                       const auto id = record(life, writer, 0, 2);
                       promise.let_go();
                       auto object = life.syncer->reader().open(id);
                       if (!object) throw Life::Stop{"reader: " + describe(object.error())};
                       lower(life, door, Bytes{0});
                       drain(life);
                       std::vector<std::byte> some(100);
                       if (auto got = object->read(some, 0); !got)
                           throw Life::Stop{"read: " + describe(got.error())};
                   }});
    all.push_back({"retention at the limit", [](Life& life, Promise& promise) {
                       const auto quiet = life.stream("quiet", Bytes{2 * 8192});
                       auto writer = life.writer(quiet);
                       // After a fault, two that are committed late may take the place of two.
                       const auto let_go = [&life, &promise] {
                           promise.let_go(life.fs.plan().hits() != 0 ? 0 : 1);
                       };
                       life.syncer->observer().told = [&life, let_go, told = life.teller.told] {
                           if (life.fs.plan().hits() != 0) let_go();
                           told();
                       };
                       for (Sequence i = 1; i <= 4; ++i) {
                           let_go();
                           record(life, writer, i * 3, i * 3 + 2);
                       }
                       drain(life);
                   }});
    all.push_back({"a full disk", [](Life& life, Promise& promise) {
                       auto writer = life.writer(life.stream("door"));
                       record(life, writer, 0, 2);
                       promise.let_go();
                       life.data.plan().add({{testing::Call::write, testing::Call::create}, 1, true, ENOSPC});
                       const auto told = life.teller.told;
                       life.syncer->observer().told = [&life, told] {
                           // What was deleted has made room.
                           if (!life.teller.promise->deleted.empty()) life.data.plan().clear();
                           told();
                       };
                       record(life, writer, 3, 5);
                       drain(life);
                   }});
    // Of everything: the row that lets an object go needs room as well.
    all.push_back({.name = "a full disk, database and all",
                   .body = [](Life& life, Promise& promise) {
                       const auto door = life.stream("door");
                       auto writer = life.writer(door);
                       for (std::size_t n = 0; n < 54; n += 9) {
                           promise.let_go();
                           for (std::size_t i = 0; i < 8; ++i) append(writer, n + i);
                           const auto id = *writer.end();
                           if (const auto done = life.syncer->wait(id, 60s); !done && life.fs.plan().hits() == 0)
                               throw Life::Stop{"recording stops: " + life.store->describe(done.error())};
                       }
                   },
                   .before = [](Life& life) {
                       auto ground = testing::ground_of(life.fs);
                       ground.set_quota(ground.disk().used() + 72_KiB);
                   },
                   .reserve = 32_KiB});
    all.push_back({"a failed sync", [](Life& life, Promise&) {
                       auto writer = life.writer(life.stream("door"));
                       append(writer, 0);
                       append(writer, 1);
                       mark(life);
                       for (std::size_t n = 2; n < 5; ++n) append(writer, n);
                       life.data.plan().add({testing::Call::sync, 1});
                       (void)writer.end();
                       (void)life.committer->drain(2s);  // tells of the failure
                       drain(life);
                   }});
    all.push_back({"a failed sync while the next is written", [](Life& life, Promise&) {
                       auto writer = life.writer(life.stream("door"));
                       append(writer, 0);
                       (void)writer.end();
                       // Enough that its file is made before its end.
                       for (std::size_t n = 3; n < 9; ++n) append(writer, n);
                       life.data.plan().add({testing::Call::sync, 1});
                       for (int i = 0; i < 3; ++i) {
                           life.syncer->step();
                           life.clock.advance(1s);
                           life.committer->step();
                       }
                   }});
    all.push_back({"a failed directory sync", [](Life& life, Promise&) {
                       auto writer = life.writer(life.stream("door"));
                       append(writer, 0);
                       life.data.plan().add({testing::Call::sync_directory, 1});
                       (void)writer.end();
                       (void)life.committer->drain(2s);
                       drain(life);
                   }});
    all.push_back({"recovery", [](Life&, Promise&) {}, true, [](Life& life) {
                       leave_everything(life);
                       // And one that is garbage with its file.
                       lower(life, life.stream("door"), Bytes{0});
                   }});
    all.push_back({"reopen", [](Life& life, Promise&) {
                       auto writer = life.writer(life.stream("door"));
                       record(life, writer, 0, 2);
                       append(writer, 3);
                       mark(life);
                   }, true, {}, [](Life& life, Promise&) {
                       auto writer = life.writer(life.stream("door"));
                       record(life, writer, 6, 8);
                   }});
    all.push_back({"two directories", [](Life& life, Promise& promise) {
                       const auto door = life.stream("door");
                       {
                           auto writer = life.writer(*life.second, door);
                           record(*life.second, writer, 0, 2);
                       }
                       auto writer = life.writer(door);
                       record(life, writer, 3, 5);
                       append(writer, 6);
                       mark(life);
                       promise.let_go(1);
                       lower(life, door, Bytes{2 * 8192});
                       drain(life);
                   }, true, {}, {}, true});
    all.push_back({"recovery of two directories", [](Life&, Promise&) {}, true, [](Life& life) {
                       const auto door = life.stream("door");
                       auto yard = life.writer(*life.second, life.stream("yard"));
                       append(yard, 0);
                       {
                           auto writer = life.writer(*life.second, door);
                           record(*life.second, writer, 0, 1);
                       }
                       auto writer = life.writer(door);
                       append(writer, 3);
                       mark(life);
                       (void)writer.end();
                       append(writer, 6);
                       (void)writer.end();
                       life.syncer->step();
                       lower(life, door, Bytes{0});
                   }, {}, true});
    all.push_back({"recovery while the disk refuses", [](Life& life, Promise&) {
                       leave_everything(life);
                   }, true, {}, {}, false, [](testing::FaultPlan& plan) {
                       plan.add({testing::Call::remove, 1, true});
                       plan.add({testing::Call::truncate, 3, true});  // the identity file takes two
                   }});
    all.push_back({"rows that refuse an object", [](Life& life, Promise& promise) {
                       const auto door = life.stream("door");
                       promise.may_be_aside.insert(ObjectId{door, 1});
                       PickyRows::unwanted = {door, 1};
                       auto writer = life.writer(door);
                       append(writer, 0);
                       mark(life);
                       // From here on it may end aside.
                       promise.may_go.insert(ObjectId{door, 1});
                       append(writer, 1);
                       (void)writer.end();
                       append(writer, 3);
                       (void)writer.end();
                       if (const auto done = life.committer->drain(2s); done && life.fs.plan().hits() == 0)
                           throw Life::Stop{"drain acknowledges what was set aside"};
                   }});
    all.push_back({"rows that refuse a deletion", [](Life& life, Promise& promise) {
                       const auto quiet = life.stream("quiet", Bytes{8192});
                       PickyRows::clung_to = {quiet, 1};
                       auto writer = life.writer(quiet);
                       // What it clings to takes the place of all others.
                       for (Sequence n = 1; n < 20; ++n) promise.may_go.insert({quiet, n});
                       for (std::size_t n = 0; n < 9; n += 3) record(life, writer, n, n + 2);
                       drain(life);
                   }});
    all.push_back({"syncs that fail for long", [](Life& life, Promise&) {
                       auto writer = life.writer(life.stream("door"));
                       append(writer, 0);
                       (void)writer.end();
                       // The second has its file before the first has its row.
                       for (std::size_t n = 3; n < 9; ++n) append(writer, n);
                       life.data.plan().add({testing::Call::sync_directory, 1});
                       life.syncer->step();
                       life.data.plan().add({testing::Call::sync, 1, true});
                       for (int i = 0; i < 24; ++i) {
                           life.syncer->step();
                           life.clock.advance(6s);
                           if (i == 4) life.committer->step();  // then the store lags
                       }
                       (void)writer.end();
                       life.data.plan().clear();
                       (void)life.committer->drain(60s);
                   }});
    // What wrappers hold back, start early, and are told late.
    const auto on_another_disk = [&](const char* name, const char* new_name, const testing::SimOptions& disk) {
        auto copy = *std::ranges::find(all, std::string_view{name}, &EngineScenario::name);
        copy.name = new_name;
        copy.disk = disk;
        all.push_back(std::move(copy));
    };
    on_another_disk("marks", "marks, uncached", {.uncached = true});
    on_another_disk("soft marks", "soft marks, written back", {});
    on_another_disk("a full disk", "a full disk, uncached", {.uncached = true});
    on_another_disk("a failed sync", "a failed sync, written back", {});
    all.push_back({.name = "a long recording, written back",
                   .body = [](Life& life, Promise&) {
                       auto writer = life.writer(life.stream("door"));
                       for (std::size_t n = 0; n < 30; ++n) append(writer, n);
                       mark(life);
                       for (std::size_t n = 30; n < 75; ++n) append(writer, n);
                       (void)life.syncer->wait(*writer.end(), 1s);
                   },
                   .disk = {}});
    return all;
}

}  // namespace engine_tests

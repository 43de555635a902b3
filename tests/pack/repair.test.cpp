// What is damaged is found, never served, and mended as far as it can be.
#include "store_life.hpp"

#include <bobbin/pack/repair.hpp>
#include <bobbin/testing/detail/random.hpp>

#include <boost/test/unit_test.hpp>

using namespace pack_tests;

namespace {

/// A store on a disk of which any byte can be bent.
struct Bench : StoreBench {
    using StoreBench::StoreBench;

    void reopen() {
        life.reset();
        life.emplace(Fs{ground}, &promise, false);
    }
    std::uint64_t size(ObjectId id) {
        const auto file = open(id, OpenMode::read);
        const auto size = ground.status(file)->size.value;
        (void)ground.close(file);
        return size;
    }
    /// Where the record of a chunk lies.
    pack::RecordPlace record(ObjectId id, std::uint64_t chunk) {
        const auto pack = life->packs->view().open(id);
        const auto found = pack->find(digest_of<Sha256>(chunk_bytes(chunk)));
        return pack->index().records()[static_cast<std::size_t>(found->place.record)];
    }
    void refuse(ObjectId id, std::uint64_t chunk) {
        const auto at = record(id, chunk).offset + 100;
        life->data.refuse(id, at, at + 1);
    }
    void flip(ObjectId id, std::uint64_t at, std::byte by = std::byte{0x40}) {
        const auto file = open(id, OpenMode::write);
        std::byte byte{};
        BOOST_REQUIRE(*ground.read_at(file, {&byte, 1}, at) == 1U);
        byte ^= by;
        BOOST_REQUIRE(*ground.write_at(file, {&byte, 1}, at) == 1U);
        (void)ground.close(file);
    }
    std::vector<ObjectId> packs() {
        std::vector<ObjectId> ids;
        for (const auto& row : life->packs->view().packs()) ids.push_back(row.id);
        return ids;
    }
    auto verify() {
        auto report = pack::verify_packs(life->packs->view());
        BOOST_REQUIRE(report.has_value());
        return *report;
    }
    auto repair() {
        auto repaired = pack::repair(*life->packs, verify(), []() -> Result<int> { return 0; });
        BOOST_REQUIRE_MESSAGE(repaired.has_value(), (repaired ? "" : describe(repaired.error())));
        return *repaired;
    }
    /// How many of the chunks [first, last) are served; what is served must be right.
    std::uint64_t count_served(std::uint64_t first, std::uint64_t last) {
        auto source = life->packs->source();
        std::uint64_t served = 0;
        for (auto n = first; n < last; ++n) {
            const auto expected = chunk_bytes(n);
            const auto bytes = source.read(digest_of<Sha256>(expected));
            if (!bytes) {
                BOOST_REQUIRE((bytes.error().is(Errc::chunk_missing) ||
                               bytes.error().kind() == ErrorKind::corrupt));
                continue;
            }
            BOOST_REQUIRE(std::ranges::equal(*bytes, expected));
            ++served;
        }
        return served;
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(pack_repair)

BOOST_AUTO_TEST_CASE(what_is_whole_is_sound) {
    Bench bench;
    bench.life->save(1, {0, 16});
    const auto report = bench.verify();
    BOOST_TEST(report.is_sound());
    BOOST_TEST(report.chunks == 16U);
    BOOST_TEST(report.packs == report.packs_read);
    const auto repaired = bench.repair();
    BOOST_TEST((repaired.salvaged == 0 && repaired.lost == 0 && repaired.removed.empty() &&
                repaired.set_aside.empty() && repaired.left.empty()));
}

BOOST_AUTO_TEST_CASE(a_small_share_of_few_packs_is_one_of_them_each_in_its_turn) {
    Bench bench;
    bench.life->save(1, {0, 2});
    bench.life->save(2, {2, 4});
    bench.life->save(3, {4, 6});
    const auto last = bench.packs().back();
    bench.flip(last, bench.record(last, 4).offset + 100);
    pack::VerifyOptions options;
    bool is_found = false;
    for (options.percent = 1; options.seed < 9; ++options.seed) {
        const auto report = pack::verify_packs(bench.life->packs->view(), options);
        BOOST_REQUIRE(report.has_value());
        BOOST_TEST(report->packs_read >= 1U);
        is_found = is_found || !report->is_sound();
    }
    BOOST_TEST(is_found);
    options.percent = 0;
    BOOST_TEST(pack::verify_packs(bench.life->packs->view(), options)->packs_read == 0U);
    options = {.percent = 1, .after = last};
    BOOST_TEST(pack::verify_packs(bench.life->packs->view(), options)->packs_read == 0U);
}

// Every byte of a pack in turn: always found, never served, and all other records are recovered.
BOOST_AUTO_TEST_CASE(a_flipped_bit_is_found_and_costs_one_record) {
    Bench whole;
    whole.life->save(1, {0, 4});
    const auto id = whole.packs().front();
    const auto size = whole.size(id);
    whole.life.reset();
    for (std::uint64_t at = 0; at < size; at += at % 7 + 1) {
        Bench bench;
        bench.life->save(1, {0, 4});
        bench.flip(id, at);
        bench.reopen();
        BOOST_REQUIRE_MESSAGE(!bench.verify().is_sound(), "byte " << at << " of " << size);
        const auto repaired = bench.repair();
        BOOST_REQUIRE(bench.verify().is_sound());
        const auto served = bench.count_served(0, 4);
        BOOST_REQUIRE_MESSAGE(served >= 3 && served + repaired.lost == 4,
                              "byte " << at << ": " << served << " served, " << repaired.lost
                                      << " lost");
        BOOST_REQUIRE((repaired.lost == 0 ? repaired.removed : repaired.set_aside).size() == 1U);

        // What it came from brings it back.
        bench.life->save(2, {0, 4});
        BOOST_REQUIRE(bench.count_served(0, 4) == 4U);
        BOOST_REQUIRE(bench.verify().is_sound());
    }
}

BOOST_AUTO_TEST_CASE(a_second_copy_is_served_where_the_first_is_damaged) {
    Bench bench;
    bench.life->save(1, {0, 2});
    const auto first = bench.packs().front();
    const auto bytes = chunk_bytes(0);
    const pack::NewChunk<Sha256> copy{digest_of<Sha256>(bytes),
                                      static_cast<std::uint32_t>(bytes.size())};
    BOOST_TEST(*bench.life->packs->claim_copy(copy.key));
    BOOST_TEST(bench.life->packs->add_group({&copy, 1}, bytes).has_value());
    BOOST_TEST(bench.life->packs->commit().has_value());
    for (const auto id : bench.packs()) {
        // In the bytes of the first record.
        bench.flip(id, 128 + 24 + 36 + 100);
        auto source = bench.life->packs->source();
        const auto read = source.read(copy.key);
        if (id == first) {
            BOOST_TEST((read && std::ranges::equal(*read, bytes)));
        } else {
            BOOST_TEST((!read && read.error().kind() == ErrorKind::corrupt));
            BOOST_TEST(source.problems().size() == 2U);
        }
    }
}

// A pack that was saved into the store: its records are found when that of the pack itself is lost,
// and stand for nothing that is lost.
BOOST_AUTO_TEST_CASE(records_of_a_saved_pack_are_not_counted_as_the_packs_own) {
    Bench bench;
    const auto add = [&](ByteView raw) {
        const pack::NewChunk<Sha256> chunk{digest_of<Sha256>(raw),
                                           static_cast<std::uint32_t>(raw.size())};
        BOOST_REQUIRE(*bench.life->packs->claim_copy(chunk.key));
        BOOST_REQUIRE(bench.life->packs->add_group({&chunk, 1}, raw).has_value());
    };
    testing::detail::Random random{1};
    std::vector<std::byte> noise(500);
    for (auto& byte : noise) byte = static_cast<std::byte>(random());
    const pack::NewChunk<Sha256> inner{digest_of<Sha256>(noise), 500};
    const pack::RecordShape shape{500, 500, 1, NoCodec::number, 0};
    std::vector<std::byte> saved(shape.head_size(32));
    pack::RecordHead::encode(saved, shape, crc32c(noise), std::span{&inner, 1});
    saved.insert(saved.end(), noise.begin(), noise.end());
    add(saved);
    for (std::uint64_t n = 0; n < 3; ++n) add(chunk_bytes(n));
    BOOST_REQUIRE(bench.life->packs->commit().has_value());

    const auto packs = bench.packs();
    BOOST_REQUIRE(packs.size() == 1U);
    bench.flip(packs[0], 128 + 9);                     // the head of the first record
    bench.flip(packs[0], bench.size(packs[0]) - 100);  // and the index
    bench.reopen();
    const auto repaired = bench.repair();
    BOOST_TEST(repaired.salvaged == 4U);
    BOOST_TEST(repaired.lost == 1U);
    BOOST_TEST(repaired.removed.empty());
    BOOST_TEST((repaired.set_aside == packs));
    BOOST_TEST(bench.count_served(0, 3) == 3U);
}

BOOST_AUTO_TEST_CASE(what_is_missing_damaged_or_unreadable_are_three_answers) {
    Bench bench;
    bench.life->save(1, {0, 2});
    const auto id = bench.packs().front();
    auto source = bench.life->packs->source();
    const auto missing = source.read(digest_of<Sha256>(chunk_bytes(77)));
    BOOST_TEST((!missing && missing.error().is(Errc::chunk_missing)));
    BOOST_TEST(!source.locate(digest_of<Sha256>(chunk_bytes(77))));

    bench.life->data.plan().add({{testing::Call::read}, 1, true, EIO});
    auto again = bench.life->packs->source();
    const auto refused = again.read(digest_of<Sha256>(chunk_bytes(0)));
    BOOST_TEST((!refused && refused.error().is_errno(EIO)));
    const auto report = bench.verify();
    BOOST_TEST((report.unreadable.size() == 1 && report.packs_damaged.empty()));
    const auto repaired = bench.repair();
    BOOST_TEST((repaired.left.size() == 1 && repaired.removed.empty() && repaired.lost == 0));
    bench.life->data.plan().clear();
    BOOST_TEST(bench.count_served(0, 2) == 2U);
    bench.flip(id, 128 + 24 + 36 + 100);
    const auto damaged = bench.life->packs->source().read(digest_of<Sha256>(chunk_bytes(0)));
    BOOST_TEST((!damaged && damaged.error().kind() == ErrorKind::corrupt));
}

// Nobody knows what it holds, so nothing is missing.
BOOST_AUTO_TEST_CASE(what_a_pack_may_hold_that_is_refused_is_not_missing) {
    const auto stored = digest_of<Sha256>(chunk_bytes(0)),
               other = digest_of<Sha256>(chunk_bytes(77));
    for (const bool is_index : {false, true}) {
        Bench bench;
        bench.life->save(1, {0, 2});
        bench.life->save(2, {2, 4});
        const auto id = bench.packs().front();
        auto& packs = *bench.life->packs;
        BOOST_TEST(packs.source().read(other).error().is(Errc::chunk_missing));
        if (is_index) {
            const auto place = bench.ground.open_root(pack_place, RootMode::existing);
            BOOST_REQUIRE(bench.ground.remove(*place, "bobbin-pack-cache").has_value());
            (void)bench.ground.close(*place);
            bench.life->data.refuse(id, 0, bench.size(id));
        } else {
            bench.life->data.plan().add({{testing::Call::open}, 1, true, EACCES});
        }
        BOOST_REQUIRE(packs.remove({}).has_value());
        const int number = is_index ? EIO : EACCES;
        BOOST_REQUIRE(packs.view().problems().size() == (is_index ? 1U : 2U));
        auto source = packs.source();
        const pack::ChunkHealth health{packs.view(), bench.verify()};
        for (const auto& key : {stored, other}) {
            BOOST_TEST(!source.locate(key));
            const auto read = source.read(key);
            BOOST_TEST((!read && read.error().is_errno(number)));
            BOOST_TEST((!read && read.error().subject == Subject{id}));
            BOOST_TEST((health(key) && health(key)->is_errno(number)));
        }
        if (is_index) {
            BOOST_TEST(source.read(digest_of<Sha256>(chunk_bytes(2))).has_value());
            continue;
        }
        bench.life->data.plan().clear();
        BOOST_REQUIRE(packs.remove({}).has_value());
        BOOST_TEST(packs.source().read(stored).has_value());
        BOOST_TEST(packs.source().read(other).error().is(Errc::chunk_missing));
    }
}

// One sector that the disk refuses costs the record that it is in.
BOOST_AUTO_TEST_CASE(what_the_disk_refuses_is_lost_and_all_else_is_saved) {
    for (std::uint64_t n = 0; n < 3; ++n) {
        Bench bench;
        bench.life->save(1, {0, 3});
        BOOST_REQUIRE(bench.packs().size() == 1U);
        const auto id = bench.packs().front();
        const auto key = digest_of<Sha256>(chunk_bytes(n));
        bench.refuse(id, n);
        const auto report = bench.verify();
        BOOST_TEST((report.packs_damaged.empty() && report.unreadable.empty()));
        BOOST_REQUIRE(report.chunks_damaged.size() == 1U);
        BOOST_TEST((report.chunks_damaged[0].key == key));
        BOOST_TEST(report.chunks_damaged[0].error.is_errno(EIO));
        const pack::ChunkHealth health{bench.life->packs->view(), report};
        for (std::uint64_t other = 0; other < 3; ++other)
            BOOST_TEST(health(digest_of<Sha256>(chunk_bytes(other))).has_value() == (other == n));

        const auto repaired = bench.repair();
        BOOST_TEST(repaired.salvaged == 2U);
        BOOST_TEST(repaired.lost == 1U);
        BOOST_TEST(repaired.left.empty());
        BOOST_TEST((repaired.set_aside == std::vector{id} && repaired.removed.empty()));
        BOOST_TEST(bench.size(id) != 0U);
        BOOST_TEST(bench.count_served(0, 3) == 2U);
        BOOST_TEST(bench.verify().is_sound());
        bench.life->save(2, {0, 3});
        BOOST_TEST(bench.count_served(0, 3) == 3U);
    }
}

// Likewise of the header or the index: other records are found without them.
BOOST_AUTO_TEST_CASE(records_are_found_where_the_disk_refuses_the_index) {
    for (const bool is_header : {true, false}) {
        Bench bench{1_MiB};
        std::vector<std::vector<std::byte>> all;
        for (int n = 0; n < 4; ++n) {
            all.emplace_back(10'000, static_cast<std::byte>(n));
            BOOST_REQUIRE(bench.life->packs->add(all.back()).has_value());
        }
        BOOST_REQUIRE(bench.life->packs->commit().has_value());
        BOOST_REQUIRE(bench.packs().size() == 1U);
        const auto id = bench.packs().front();
        const auto sector = is_header ? 0 : (bench.size(id) - 1) / 4096;
        bench.life->data.refuse(id, sector * 4096, sector * 4096 + 4096);
        const auto report = bench.verify();
        BOOST_REQUIRE(report.unreadable.size() == 1U);
        BOOST_TEST(report.unreadable[0].error.is_errno(EIO));
        const auto repaired = bench.repair();
        BOOST_TEST(repaired.left.empty());
        // In the sector of the header is a part of the first record.
        BOOST_TEST(repaired.lost == (is_header ? 1U : 0U));
        BOOST_TEST(repaired.salvaged == 4 - repaired.lost);
        BOOST_TEST((repaired.set_aside.size() == repaired.lost));
        std::uint64_t served = 0;
        auto source = bench.life->packs->source();
        for (const auto& bytes : all) served += source.read(digest_of<Sha256>(bytes)).has_value();
        BOOST_TEST(served == repaired.salvaged);
        BOOST_TEST(bench.verify().is_sound());
    }
}

// The disk may be there again tomorrow, so what nothing can be read of stays what it is, until all
// of it is elsewhere.
BOOST_AUTO_TEST_CASE(a_pack_of_which_nothing_is_read_is_left) {
    Bench bench;
    bench.life->save(1, {0, 2});
    bench.life->save(2, {2, 4});
    const auto id = bench.packs().front();
    for (std::uint64_t n = 0; n < 2; ++n) bench.refuse(id, n);
    const auto report = bench.verify();
    BOOST_TEST((report.chunks_damaged.size() == 2 && report.unreadable.empty()));
    auto repaired = bench.repair();
    BOOST_TEST((repaired.lost == 0 && repaired.salvaged == 0));
    BOOST_TEST((repaired.removed.empty() && repaired.set_aside.empty()));
    BOOST_REQUIRE(repaired.left.size() == 1U);
    BOOST_TEST((repaired.left[0].pack == id && repaired.left[0].error.is_errno(EIO)));

    pack::RepairSink sink{*bench.life->packs, report};
    const auto add = [&](std::uint64_t n) {
        const auto bytes = chunk_bytes(n);
        const pack::NewChunk<Sha256> chunk{digest_of<Sha256>(bytes),
                                           static_cast<std::uint32_t>(bytes.size())};
        const auto is_new = sink.claim(chunk.key);
        BOOST_REQUIRE(is_new.has_value());
        BOOST_TEST(sink.contains(chunk.key) == !*is_new);
        if (*is_new) BOOST_REQUIRE(sink.add_encoded({&chunk, 1}, 0, bytes).has_value());
        return *is_new;
    };
    BOOST_TEST(add(0));
    BOOST_TEST(!add(2));
    BOOST_TEST(bench.life->packs->commit().has_value());
    repaired = bench.repair();
    BOOST_TEST((repaired.left.size() == 1 && repaired.removed.empty()));
    BOOST_TEST(add(1));
    BOOST_TEST(add(4));
    BOOST_TEST(bench.life->packs->commit().has_value());
    repaired = bench.repair();
    BOOST_TEST((repaired.left.empty() && repaired.removed == std::vector{id}));
    BOOST_TEST(bench.count_served(0, 5) == 5U);
    BOOST_TEST(bench.verify().is_sound());
}

BOOST_AUTO_TEST_CASE(a_disk_that_refuses_all_is_no_reason_to_give_anything_up) {
    for (const bool with_index : {true, false}) {
        Bench bench;
        bench.life->save(1, {0, 4});
        bench.life->save(2, {4, 8});
        const auto packs = bench.packs();
        for (const auto id : packs) {
            const auto last = bench.life->packs->view().open(id)->index().records().back();
            const auto begin = std::uint64_t{with_index ? pack::PackHeader::encoded_size : 0};
            const auto end =
                with_index ? last.offset + last.shape.size(Sha256::size) : bench.size(id);
            bench.life->data.refuse(id, begin, end);
        }
        const auto repaired = bench.repair();
        BOOST_TEST(repaired.left.size() == packs.size());
        BOOST_TEST((repaired.removed.empty() && repaired.set_aside.empty() && repaired.lost == 0));
        BOOST_TEST((bench.packs() == packs));
        const auto report = bench.verify();
        const pack::ChunkHealth health{bench.life->packs->view(), report};
        for (std::uint64_t n = 0; n < 8; ++n)
            BOOST_TEST(health(digest_of<Sha256>(chunk_bytes(n)))->is_errno(EIO));
    }
}

// Each record is read once, whatever the order of the keys in it. Small ones shrink better together.
BOOST_AUTO_TEST_CASE(what_is_saved_is_read_in_the_order_of_the_disk_and_stored_together) {
    constexpr std::uint64_t groups = 3, size = 8;
    Bench bench;
    const auto add = [&](std::uint64_t first, std::uint64_t count) {
        std::vector<std::byte> raw;
        std::vector<pack::NewChunk<Sha256>> chunks;
        for (auto n = first; n < first + count; ++n) {
            const std::vector bytes(10, static_cast<std::byte>(n));
            raw.insert(raw.end(), bytes.begin(), bytes.end());
            chunks.push_back({digest_of<Sha256>(bytes), 10});
            BOOST_REQUIRE(*bench.life->packs->claim(chunks.back().key));
        }
        BOOST_REQUIRE(bench.life->packs->add_group(chunks, raw).has_value());
    };
    for (std::uint64_t n = 0; n < groups; ++n) add(n * size, size);
    add(groups * size, 1);
    BOOST_REQUIRE(bench.life->packs->commit().has_value());
    BOOST_REQUIRE(bench.packs().size() == 1U);
    const auto id = bench.packs().front();
    const auto last = bench.life->packs->view().open(id)->index().records().back();
    bench.flip(id, last.offset + last.shape.size(32) - 1);
    const auto report = bench.verify();
    const auto before = bench.life->data.reads();
    auto repaired = pack::repair(*bench.life->packs, report, []() -> Result<int> { return 0; });
    BOOST_REQUIRE(repaired.has_value());
    BOOST_TEST(repaired->salvaged == groups * size);
    BOOST_TEST(repaired->lost == 1U);
    BOOST_TEST(bench.life->data.reads() - before < 20U);
    const auto copy = bench.packs().back();
    BOOST_TEST((copy != id));
    BOOST_TEST(bench.life->packs->view().open(copy)->index().records().size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_pack_whose_file_is_gone_is_told_and_forgotten) {
    Bench bench;
    bench.life->save(1, {0, 3});
    const auto id = bench.packs().front();
    const auto place = bench.ground.open_root(pack_place, RootMode::existing);
    BOOST_TEST(bench.ground.remove(*place, ObjectName{id}.c_str()).has_value());
    (void)bench.ground.close(*place);
    bench.reopen();
    BOOST_TEST(bench.life->packs->view().problems().size() == 1U);
    auto source = bench.life->packs->source();
    const auto read = source.read(digest_of<Sha256>(chunk_bytes(0)));
    BOOST_TEST((!read && read.error().is(Errc::chunk_missing)));
    const auto repaired = bench.repair();
    BOOST_TEST((repaired.lost == 3 && repaired.removed == std::vector{id}));
    BOOST_TEST(bench.packs().empty());
    bench.life->save(2, {0, 3});
    BOOST_TEST(bench.count_served(0, 3) == 3U);
}

BOOST_AUTO_TEST_SUITE_END()

#include <bobbin/pack/pack_reader.hpp>

#include "packs.hpp"

#include <bobbin/fs/directory.hpp>
#include <bobbin/fs/posix.hpp>
#include <bobbin/testing/sim_fs.hpp>

#include <temporary.hpp>

#include <map>
#include <set>

using namespace bobbin;
using namespace bobbin_tests;

namespace {

struct Contents {
    Buffer pack;
    std::map<pack::Key<Sha256>, Buffer> chunks;
};

/// A pack with all that there is: stored as it is, compressed either way, alone and in groups.
Contents small_pack() {
    Contents contents;
    MemoryWriter<> writer{MemorySink{}, {.store = a_store}};
    const auto note = [&](const Buffer& chunk) {
        contents.chunks[digest_of<Sha256>(chunk)] = chunk;
    };
    const auto text = some_text(300, 1), noise = some_noise(40, 2);
    for (const auto* chunk : {&text, &noise}) {
        const auto added = writer.add(*chunk);
        BOOST_REQUIRE(added);
        BOOST_REQUIRE(added->second);
        note(*chunk);
    }
    Buffer raw;
    const std::vector<Buffer> small{some_text(50, 3), some_text(70, 4), some_text(1, 5)};
    for (const auto& chunk : small) note(chunk);
    const auto group = group_of<Sha256>(small, raw);
    BOOST_REQUIRE(writer.add_group(group, raw));

    Buffer other_raw, packed(1000);
    const std::vector<Buffer> others{some_text(500, 6), some_text(30, 7)};
    for (const auto& chunk : others) note(chunk);
    const auto other_group = group_of<Sha256>(others, other_raw);
    const auto size = Zstd{}.compress(other_raw, packed);
    BOOST_REQUIRE(size);
    BOOST_REQUIRE(writer.add_encoded(other_group, Zstd::number, ByteView{packed}.first(*size)));
    BOOST_REQUIRE(writer.finish());
    contents.pack = *writer.sink().bytes;
    return contents;
}

template <class Reader>
bool serves_only(Reader& reader, const std::map<pack::Key<Sha256>, Buffer>& chunks,
                 std::size_t* good = nullptr) {
    for (std::size_t n = 0; n < reader.chunks(); ++n) {
        const auto location = reader.chunk(n);
        const auto bytes = reader.read(location);
        if (!bytes) {
            if (bytes.error().kind() != ErrorKind::corrupt) return false;
            continue;
        }
        if (good) ++*good;
        const auto found = chunks.find(location.key);
        if (found == chunks.end() || !std::ranges::equal(*bytes, found->second)) return false;
    }
    return true;
}

/// Whether anything is found wrong by opening and reading all.
template <class D = Sha256>
bool is_found(const Buffer& bytes) {
    auto reader = MemoryReader<D>::open(MemoryFile{bytes}, {.store = a_store});
    if (!reader) return reader.error().domain == Domain::bobbin;
    std::size_t told = 0;
    const auto verified = reader->verify([&](const auto&, const Error&) { ++told; });
    return !verified || told != 0;
}

void fix_header(Buffer& bytes) { store_le(bytes.data() + 124, crc32c(ByteView{bytes}.first(124))); }
/// As somebody would who knows the format.
void fix_trailer(Buffer& bytes) {
    const auto offset = load_le<std::uint64_t>(bytes.data() + bytes.size() - 64);
    const auto size = bytes.size() - 4 - offset;
    store_le(bytes.data() + bytes.size() - 4, crc32c(ByteView{bytes}.subspan(offset, size)));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pack_pack_reader)

BOOST_AUTO_TEST_CASE(reads_what_was_written) {
    const auto contents = small_pack();
    auto reader = MemoryReader<>::open(MemoryFile{contents.pack}, {.store = a_store});
    BOOST_REQUIRE(reader);
    BOOST_TEST((reader->header().store == a_store));
    BOOST_TEST((reader->header().digest_format == Sha256::format_id));
    BOOST_TEST(reader->chunks() == contents.chunks.size());
    BOOST_TEST(reader->index().records().size() == 4U);
    const std::uint8_t codecs[] = {Lz4::number, NoCodec::number, Lz4::number, Zstd::number};
    for (std::size_t n = 0; n < 4; ++n)
        BOOST_TEST(reader->index().records()[n].shape.codec == codecs[n]);
    std::size_t good = 0;
    BOOST_TEST(serves_only(*reader, contents.chunks, &good));
    BOOST_TEST(good == contents.chunks.size());
    for (const auto& [key, chunk] : contents.chunks) {
        const auto location = reader->find(key);
        BOOST_REQUIRE(location.has_value());
        BOOST_TEST(reader->contains(key));
        BOOST_TEST(location->place.length == chunk.size());
        Buffer copied;
        const auto done = reader->copy(*location, [&](ByteView bytes) -> Result<void> {
            copied.assign(bytes.begin(), bytes.end());
            return {};
        });
        BOOST_TEST(done.has_value());
        BOOST_TEST((copied == chunk));
    }
}

BOOST_AUTO_TEST_CASE(what_is_not_there_is_no_error) {
    const auto contents = small_pack();
    auto reader = MemoryReader<>::open(MemoryFile{contents.pack});
    BOOST_REQUIRE(reader);
    BOOST_TEST(!reader->find(digest_of<Sha256>(as_bytes("absent"))).has_value());
    pack::Key<Sha256> low{}, high{};
    high.fill(std::byte{0xff});
    BOOST_TEST((!reader->contains(low) && !reader->contains(high)));
}

BOOST_AUTO_TEST_CASE(an_error_of_the_sink_comes_back) {
    const auto contents = small_pack();
    auto reader = MemoryReader<>::open(MemoryFile{contents.pack});
    BOOST_REQUIRE(reader);
    const auto done = reader->copy(reader->chunk(0), [](ByteView) -> Result<void> {
        return Error::system(ENOSPC, Operation::write);
    });
    BOOST_REQUIRE(!done);
    BOOST_TEST(done.error().is_errno(ENOSPC));
}

// Random packs of all codecs, on a simulated file system.
template <class C, class D>
void check_random_pack(std::uint64_t seed) {
    bobbin::testing::detail::Random random{seed};
    bobbin::testing::SimFs fs;
    auto directory =
        FsDirectory<bobbin::testing::SimFs>::open("/packs", RootMode::create_if_missing, fs);
    BOOST_REQUIRE(directory);
    auto file = directory->create(ObjectId{1});
    BOOST_REQUIRE(file);
    std::map<pack::Key<D>, Buffer> chunks;
    {
        pack::PackWriter<D, C, decltype(pack::append_to(*file))> writer{pack::append_to(*file), {}};
        for (int n = 0; n < 60; ++n) {
            Buffer raw;
            std::vector<Buffer> parts;
            for (auto count = 1 + random() % 5; count > 0; --count) {
                const auto size =
                    static_cast<std::size_t>(1 + random() % (random() % 4 == 0 ? 70'000 : 500));
                parts.push_back(random() % 2 == 0 ? some_text(size, random())
                                                  : some_noise(size, random()));
            }
            if (std::ranges::any_of(
                    parts, [&](const Buffer& part) { return chunks.contains(digest_of<D>(part)); }))
                continue;
            const auto group = group_of<D>(parts, raw);
            const auto added = writer.add_group(group, raw);
            if (!added) {  // the same byte twice
                BOOST_REQUIRE(added.error().is(Errc::invalid_argument));
                continue;
            }
            for (const auto& part : parts) chunks[digest_of<D>(part)] = part;
        }
        BOOST_REQUIRE(writer.finish());
        BOOST_TEST(writer.size().value == file->size().value);
        BOOST_TEST(writer.chunks() == chunks.size());
    }
    BOOST_REQUIRE(file->close());
    auto again = directory->open(ObjectId{1});
    BOOST_REQUIRE(again);
    using Reader = pack::PackReader<File<bobbin::testing::SimFs>, D, Known>;
    auto reader = Reader::open(std::move(*again));
    BOOST_REQUIRE(reader);
    BOOST_TEST(reader->chunks() == chunks.size());
    for (const auto& [key, chunk] : chunks) {
        const auto location = reader->find(key);
        BOOST_REQUIRE(location.has_value());
        const auto bytes = reader->read(*location);
        BOOST_REQUIRE(bytes);
        BOOST_TEST(std::ranges::equal(*bytes, chunk));
    }
}

BOOST_AUTO_TEST_CASE(random_packs_come_back) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        check_random_pack<NoCodec, Sha256>(seed);
        check_random_pack<Lz4, Sha256>(seed);
        check_random_pack<Zstd, Sha256>(seed);
        check_random_pack<Lz4, Xxh3>(seed);
    }
}

BOOST_AUTO_TEST_CASE(every_flipped_bit_is_found_and_never_served) {
    const auto contents = small_pack();
    BOOST_REQUIRE(!is_found(contents.pack));
    for (std::size_t at = 0; at < contents.pack.size(); ++at)
        for (const unsigned flip : {0x01U, 0x80U, 0xffU}) {
            auto bent = contents.pack;
            bent[at] ^= static_cast<std::byte>(flip);
            BOOST_TEST(is_found(bent), "byte " << at << " by " << flip);
            auto reader = MemoryReader<>::open(MemoryFile{bent});
            BOOST_TEST((reader ? serves_only(*reader, contents.chunks)
                               : reader.error().kind() == ErrorKind::corrupt),
                       "byte " << at << " by " << flip);
            pack::ScanReport report;
            auto scanned = MemoryReader<>::scan(MemoryFile{bent}, report);
            BOOST_TEST((scanned && serves_only(*scanned, contents.chunks)), "scan, byte " << at);
        }
}

BOOST_AUTO_TEST_CASE(every_truncation_is_found) {
    const auto contents = small_pack();
    for (std::size_t size = 0; size < contents.pack.size(); ++size) {
        const Buffer cut(contents.pack.begin(),
                         contents.pack.begin() + static_cast<std::ptrdiff_t>(size));
        const auto reader = MemoryReader<>::open(MemoryFile{cut});
        BOOST_REQUIRE(!reader);
        BOOST_TEST(
            (reader.error().is(Errc::pack_unfinished) || reader.error().is(Errc::pack_malformed)));
        BOOST_TEST(reader.error().is(Errc::pack_malformed) == (size < 128), size);
    }
    auto longer = contents.pack;
    longer.push_back(std::byte{0});
    BOOST_TEST(is_found(longer));
}

BOOST_AUTO_TEST_CASE(other_formats_are_told_from_damage) {
    const auto contents = small_pack();
    const auto answer = [&](std::size_t at, unsigned value) {
        auto bent = contents.pack;
        bent[at] = static_cast<std::byte>(value);
        fix_header(bent);
        pack::ScanReport report;
        const auto scanned = MemoryReader<>::scan(MemoryFile{bent}, report);
        const auto opened = MemoryReader<>::open(MemoryFile{bent});
        BOOST_REQUIRE(!opened);
        if (opened.error().is(Errc::format_unknown))
            BOOST_TEST((!scanned && scanned.error().is(Errc::format_unknown)));
        return opened.error();
    };
    BOOST_TEST(answer(8, 2).is(Errc::format_unknown));   // version
    BOOST_TEST(answer(12, 1).is(Errc::format_unknown));  // a flag
    BOOST_TEST(answer(15, 0x80).is(Errc::format_unknown));
    BOOST_TEST(answer(40, 1).is(Errc::format_unknown));    // a key
    BOOST_TEST(answer(48, 'm').is(Errc::format_unknown));  // another digest
    BOOST_TEST(answer(64, 16).is(Errc::format_unknown));
    BOOST_TEST(answer(64, 15).is(Errc::pack_malformed));
    BOOST_TEST(answer(64, 33).is(Errc::pack_malformed));
    BOOST_TEST(answer(63, 1).is(Errc::pack_malformed));
    BOOST_TEST(answer(100, 1).is(Errc::pack_malformed));
    BOOST_TEST(answer(0, 'b').is(Errc::pack_malformed));

    const auto foreign = MemoryReader<>::open(MemoryFile{contents.pack}, {.store = Uuid{}});
    BOOST_TEST((!foreign && foreign.error().is(Errc::pack_foreign)));
    const auto other = MemoryReader<Xxh3>::open(MemoryFile{contents.pack});
    BOOST_TEST((!other && other.error().is(Errc::format_unknown)));
    const auto large = MemoryReader<>::open(MemoryFile{contents.pack}, {.largest_index = 100_B});
    BOOST_TEST((!large && large.error().is(Errc::not_supported)));
}

// What a checksum can't see, because it was made to fit.
BOOST_AUTO_TEST_CASE(hostile_trailers_are_refused) {
    const auto contents = small_pack();
    const auto trailer = contents.pack.size() - 64;
    const auto refused = [&](std::size_t field, std::uint64_t value) {
        auto bent = contents.pack;
        store_le(bent.data() + trailer + 8 * field, value);
        const auto reader = MemoryReader<>::open(MemoryFile{bent});
        return !reader && reader.error().is(Errc::pack_malformed);
    };
    const auto right = load_le<std::uint64_t>(contents.pack.data() + trailer);
    for (std::size_t field = 0; field < 4; ++field)
        for (const std::uint64_t value :
             {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{127}, right - 1, right + 1,
              std::uint64_t{contents.pack.size()}, std::uint64_t{1} << 32, std::uint64_t{1} << 60,
              UINT64_MAX / 12, UINT64_MAX / 48, UINT64_MAX - 63, UINT64_MAX})
            BOOST_TEST(refused(field, value), field << ": " << value);
    auto flagged = contents.pack;
    flagged[trailer + 32] = std::byte{1};
    fix_trailer(flagged);
    const auto reader = MemoryReader<>::open(MemoryFile{flagged});
    BOOST_TEST((!reader && reader.error().is(Errc::format_unknown)));
}

BOOST_AUTO_TEST_CASE(hostile_indexes_are_refused) {
    const auto contents = small_pack();
    const auto offset = load_le<std::uint64_t>(contents.pack.data() + contents.pack.size() - 64);
    const std::size_t fan_out = offset + 4 * 12, chunks = fan_out + 2048;
    const auto bend = [&](auto&& change) {
        auto bent = contents.pack;
        change(bent.data());
        fix_trailer(bent);
        return MemoryReader<>::open(MemoryFile{bent});
    };
    const auto refused = [&](auto&& change, Errc why = Errc::pack_malformed) {
        const auto reader = bend(change);
        return !reader && reader.error().is(why);
    };
    const auto put32 = [&](std::size_t at, std::uint32_t value) {
        return [=](std::byte* bytes) { store_le(bytes + at, value); };
    };
    const auto put64 = [&](std::size_t at, std::uint64_t value) {
        return [=](std::byte* bytes) { store_le(bytes + at, value); };
    };
    BOOST_REQUIRE(bend([](std::byte*) {}).has_value());
    // Records: lengths, counts, and that they end where the index begins.
    for (const std::uint32_t value : {0U, 1U, 301U, 1U << 24, UINT32_MAX}) {
        BOOST_TEST(refused(put32(offset, value)), "raw " << value);
        BOOST_TEST(refused(put32(offset + 4, value)), "stored " << value);
    }
    BOOST_TEST(refused(put32(offset + 8, 0)));  // no chunks
    BOOST_TEST(refused(put32(offset + 8, 1025)));
    BOOST_TEST(refused(put32(offset + 8, 1 | 1U << 24), Errc::format_unknown));
    BOOST_TEST(refused(put32(offset + 8, 1 | 0U << 16)));  // stored as it is, and yet shorter
    // Fan-out: falling, too high, and other than the keys.
    BOOST_TEST(refused(put64(fan_out, 1)));
    BOOST_TEST(refused(put64(fan_out + 8 * 255, 6)));
    BOOST_TEST(refused(put64(fan_out + 8 * 255, UINT64_MAX)));
    BOOST_TEST(refused(put64(fan_out + 8 * 128, UINT64_MAX)));
    // Chunks: record, begin, length.
    for (const std::uint64_t value : {std::uint64_t{4}, std::uint64_t{1} << 32, UINT64_MAX})
        BOOST_TEST(refused(put64(chunks + 32, value)));
    for (const std::uint32_t value : {1U << 24, UINT32_MAX}) {
        BOOST_TEST(refused(put32(chunks + 40, value)));
        BOOST_TEST(refused(put32(chunks + 44, value)));
    }
    BOOST_TEST(refused(put32(chunks + 44, 0)));
    // The order of keys, and a key that is there twice.
    BOOST_TEST(refused([&](std::byte* bytes) {
        std::swap_ranges(bytes + chunks, bytes + chunks + 48, bytes + chunks + 48);
    }));
    BOOST_TEST(
        refused([&](std::byte* bytes) { std::copy_n(bytes + chunks, 48, bytes + chunks + 48); }));
}

// A record of a megabyte is not lost for one bit: each chunk has a digest of its own.
BOOST_AUTO_TEST_CASE(a_flipped_bit_costs_no_more_than_the_chunks_it_reaches) {
    const auto check = []<class C>(C, double least) {
        MemoryWriter<C> writer{MemorySink{}, {.store = a_store}};
        std::map<pack::Key<Sha256>, Buffer> chunks;
        std::vector<Buffer> texts;
        for (std::uint64_t seed = 0; seed < 30; ++seed) {
            texts.push_back(some_text(200, seed));
            chunks[digest_of<Sha256>(texts.back())] = texts.back();
        }
        Buffer raw;
        const auto group = group_of<Sha256>(texts, raw);
        BOOST_REQUIRE(writer.add_group(group, raw));
        BOOST_REQUIRE(writer.finish());
        const auto& bytes = *writer.sink().bytes;
        const auto whole = MemoryReader<>::open(MemoryFile{bytes});
        BOOST_REQUIRE(whole);
        BOOST_REQUIRE(whole->index().records().size() == 1U);
        const auto& shape = whole->index().records()[0].shape;
        BOOST_REQUIRE(shape.codec == C::number);
        const auto begin = 128 + shape.head_size(32);
        std::size_t served = 0;
        for (std::size_t at = begin; at < begin + shape.stored; ++at) {
            auto bent = bytes;
            bent[at] ^= std::byte{0x10};
            auto reader = MemoryReader<>::open(MemoryFile{bent});
            BOOST_REQUIRE(reader);
            std::size_t good = 0, told = 0;
            BOOST_TEST(serves_only(*reader, chunks, &good), "byte " << at);
            BOOST_REQUIRE(reader->verify([&](const auto&, const Error&) { ++told; }));
            BOOST_TEST(told == std::max<std::size_t>(texts.size() - good, 1), "byte " << at);
            const auto encoded = reader->read_encoded(0);
            BOOST_TEST((!encoded && encoded.error().is(Errc::digest_mismatch)));
            served += good;
        }
        const auto share = static_cast<double>(served) / (30.0 * shape.stored);
        BOOST_TEST_MESSAGE(C::format_id.name() << ": " << share << " of the chunks are served");
        BOOST_TEST(share >= least, C::format_id.name() << ": " << share);
    };
    check(NoCodec{}, 29 / 30.0);
    check(Lz4{}, 0.5);
    check(Zstd{}, 0.3);
}

// Two ways to compress the same: nothing is lost, and yet something is wrong with the disk.
BOOST_AUTO_TEST_CASE(a_damaged_record_is_told_of_though_all_of_it_can_be_served) {
    const auto part = some_noise(40, 1), between = some_noise(9, 2);
    Buffer raw;
    for (const auto* bytes : {&part, &part, &between, &part, &between})
        raw.insert(raw.end(), bytes->begin(), bytes->end());
    MemoryWriter<Lz4> writer{MemorySink{}, {}};
    BOOST_REQUIRE(writer.add(raw));
    BOOST_REQUIRE(writer.finish());
    auto bytes = *writer.sink().bytes;
    const auto begin = 128 + pack::RecordShape{0, 0, 1, 0, 0}.head_size(32);
    const auto end = load_le<std::uint64_t>(bytes.data() + bytes.size() - 64);
    const auto decodes_the_same = [&] {
        Buffer out(raw.size());
        return Lz4{}.decompress(ByteView{bytes}.subspan(begin, end - begin), out) && out == raw;
    };
    BOOST_REQUIRE(decodes_the_same());
    bool is_bent = false;
    for (auto at = begin; at < end && !is_bent; ++at)
        for (unsigned flip = 1; flip < 256 && !is_bent; ++flip) {
            bytes[at] ^= static_cast<std::byte>(flip);
            is_bent = decodes_the_same();
            if (!is_bent) bytes[at] ^= static_cast<std::byte>(flip);
        }
    BOOST_REQUIRE(is_bent);
    auto reader = MemoryReader<>::open(MemoryFile{bytes});
    BOOST_REQUIRE(reader);
    const auto got = reader->read(reader->chunk(0));
    BOOST_TEST((got && std::ranges::equal(*got, raw)));
    std::size_t told = 0;
    BOOST_REQUIRE(reader->verify(
        [&](const auto&, const Error& error) { told += error.is(Errc::digest_mismatch); }));
    BOOST_TEST(told == 1U);
}

// Two chunks of one length that have changed places in the index: a checksum that was made to fit
// hides it from opening, and reading must not believe it.
BOOST_AUTO_TEST_CASE(swapped_places_are_never_served) {
    MemoryWriter<NoCodec> writer{MemorySink{}, {}};
    for (std::uint64_t seed = 0; seed < 2; ++seed) BOOST_REQUIRE(writer.add(some_noise(100, seed)));
    BOOST_REQUIRE(writer.finish());
    auto bytes = *writer.sink().bytes;
    const auto offset = load_le<std::uint64_t>(bytes.data() + bytes.size() - 64);
    auto* const entries = bytes.data() + offset + 2 * 12 + 2048;
    std::swap_ranges(entries + 32, entries + 48, entries + 48 + 32);
    fix_trailer(bytes);
    auto reader = MemoryReader<>::open(MemoryFile{bytes});
    BOOST_REQUIRE(reader);
    for (std::size_t n = 0; n < 2; ++n) {
        const auto got = reader->read(reader->chunk(n));
        BOOST_REQUIRE(!got);
        BOOST_TEST(got.error().is(Errc::pack_malformed));
    }
}

// Checksums that fit, and bytes that are another chunk's: the digest decides.
BOOST_AUTO_TEST_CASE(other_bytes_under_a_key_are_never_served) {
    MemoryWriter<NoCodec> writer{MemorySink{}, {}};
    const auto key = digest_of<Sha256>(as_bytes("right"));
    BOOST_REQUIRE(writer.add_new(key, as_bytes("wrong")));
    BOOST_REQUIRE(writer.finish());
    auto reader = MemoryReader<>::open(MemoryFile{*writer.sink().bytes});
    BOOST_REQUIRE(reader);
    const auto got = reader->read(*reader->find(key));
    BOOST_REQUIRE(!got);
    BOOST_TEST(got.error().is(Errc::digest_mismatch));
}

// What claims to grow to 16 MiB, and is no such thing.
BOOST_AUTO_TEST_CASE(compressed_bytes_that_are_none_are_damage) {
    MemoryWriter<Lz4> writer{MemorySink{}, {}};
    const pack::NewChunk<Sha256> chunk{digest_of<Sha256>(as_bytes("x")), pack::largest_record};
    const auto noise = some_noise(300, 3);
    for (const std::uint8_t codec : {Lz4::number, Zstd::number}) {
        auto named = chunk;
        named.key[0] = static_cast<std::byte>(codec);
        BOOST_REQUIRE(writer.add_encoded({&named, 1}, codec, noise));
    }
    auto unknown = chunk;
    unknown.key[0] = std::byte{200};
    BOOST_REQUIRE(writer.add_encoded({&unknown, 1}, 200, noise));
    BOOST_REQUIRE(writer.finish());
    auto reader = MemoryReader<>::open(MemoryFile{*writer.sink().bytes});
    BOOST_REQUIRE(reader);
    std::size_t damaged = 0, unreadable = 0;
    BOOST_REQUIRE(reader->verify([&](const auto&, const Error& error) {
        damaged += error.is(Errc::compressed_malformed);
        unreadable += error.is(Errc::format_unknown);
    }));
    BOOST_TEST(damaged == 2U);
    BOOST_TEST(unreadable == 1U);
}

BOOST_AUTO_TEST_CASE(an_error_of_the_disk_is_not_damage) {
    const auto contents = small_pack();
    for (std::uint64_t from = 0; from <= contents.pack.size(); ++from) {
        const MemoryFile file{contents.pack, from};
        auto reader = MemoryReader<>::open(file);
        pack::ScanReport report;
        const auto scanned = MemoryReader<>::scan(file, report);
        if (from < contents.pack.size()) {
            BOOST_REQUIRE(!reader);
            BOOST_TEST(reader.error().is_errno(EIO));
            BOOST_TEST((scanned || scanned.error().is(Errc::pack_empty)));
        } else {
            BOOST_TEST((reader.has_value() && scanned.has_value()));
        }
    }
    // And where it comes later.
    struct Fading : MemoryFile {
        std::shared_ptr<bool> fails = std::make_shared<bool>(false);
        std::shared_ptr<std::uint64_t> failed = std::make_shared<std::uint64_t>(0);
        Result<std::size_t> read_at(MutableByteView to, std::uint64_t offset) const noexcept {
            if (*fails) ++*failed;
            if (*fails) return Error::system(EIO, Operation::read);
            return MemoryFile::read_at(to, offset);
        }
    };
    Fading file;
    file.bytes = contents.pack;
    const auto fails = file.fails;
    const auto failed = file.failed;
    auto reader = pack::PackReader<Fading, Sha256, Known>::open(file);
    BOOST_REQUIRE(reader);
    *fails = true;
    BOOST_TEST(reader->read(reader->chunk(0)).error().is_errno(EIO));
    // All chunks are told, and the disk is asked for each record once.
    std::size_t told = 0;
    *failed = 0;
    BOOST_REQUIRE(
        reader->verify([&](const auto&, const Error& error) { told += error.is_errno(EIO); }));
    BOOST_TEST(told == contents.chunks.size());
    BOOST_TEST(*failed == reader->index().records().size());
    *fails = false;
    BOOST_TEST(reader->read(reader->chunk(0)).has_value());
}

// A scan goes on behind a sector that the disk refuses, but not for ever.
BOOST_AUTO_TEST_CASE(a_scan_reads_around_what_the_disk_refuses) {
    constexpr std::size_t sector = 4096;
    struct Scratched {
        Buffer bytes;
        std::uint64_t begin = 0, end = 0;
        Result<std::size_t> read_at(MutableByteView to, std::uint64_t offset) const noexcept {
            if (offset < end && offset + to.size() > begin)
                return Error::system(EIO, Operation::read);
            return MemoryFile{bytes}.read_at(to, offset);
        }
        Result<FileStatus> status() const noexcept { return MemoryFile{bytes}.status(); }
    };
    using Reader = pack::PackReader<Scratched, Sha256, Known>;
    MemoryWriter<NoCodec> writer{MemorySink{}, {}};
    for (std::uint64_t seed = 0; seed < 300; ++seed)
        BOOST_REQUIRE(writer.add(some_noise(5'000 + 100 * (seed % 7), seed)));
    BOOST_REQUIRE(writer.finish());
    const auto& bytes = *writer.sink().bytes;
    const auto whole = Reader::open({bytes});
    BOOST_REQUIRE(whole.has_value());
    const auto records = whole->index().records();
    for (std::size_t at = 0; at < bytes.size(); at += 37 * sector + 1) {
        pack::ScanReport report;
        const auto begin = at / sector * sector;
        auto reader = Reader::scan({bytes, begin, begin + sector}, report);
        BOOST_REQUIRE(reader.has_value());
        std::size_t good = 0, expected = 0;
        for (std::size_t n = 0; n < reader->chunks(); ++n)
            good += reader->read(reader->chunk(n)).has_value();
        for (const auto& record : records)
            expected += record.offset >= begin + sector ||
                        record.offset + record.shape.size(Sha256::size) <= begin;
        BOOST_TEST(good == expected, "byte " << at);
    }
    pack::ScanReport report;
    const auto dead = Reader::scan({bytes, 0, bytes.size()}, report);
    BOOST_REQUIRE(!dead);
    BOOST_TEST(dead.error().is_errno(EIO));
}

// Cut off behind our back: damage, not a crash.
BOOST_AUTO_TEST_CASE(a_file_that_shrinks_is_short) {
    const auto contents = small_pack();
    const auto shared = std::make_shared<Buffer>(contents.pack);
    struct Shrinking {
        std::shared_ptr<Buffer> bytes;
        Result<std::size_t> read_at(MutableByteView to, std::uint64_t offset) const noexcept {
            return MemoryFile{*bytes}.read_at(to, offset);
        }
        Result<FileStatus> status() const noexcept { return MemoryFile{*bytes}.status(); }
    };
    auto reader = pack::PackReader<Shrinking, Sha256, Known>::open(Shrinking{shared});
    BOOST_REQUIRE(reader);
    shared->resize(140);
    std::size_t told = 0;
    BOOST_REQUIRE(reader->verify(
        [&](const auto&, const Error& error) { told += error.is(Errc::object_short); }));
    BOOST_TEST(told == contents.chunks.size());
}

BOOST_AUTO_TEST_CASE(a_location_of_another_pack_is_refused) {
    const auto contents = small_pack();
    auto reader = MemoryReader<>::open(MemoryFile{contents.pack});
    BOOST_REQUIRE(reader);
    auto location = reader->chunk(0);
    location.place.record = 4;
    BOOST_TEST(reader->read(location).error().is(Errc::out_of_range));
    location.place.record = UINT64_MAX;
    BOOST_TEST(reader->read(location).error().is(Errc::out_of_range));
    location = reader->chunk(0);
    location.place.begin += 1;
    BOOST_TEST(reader->read(location).error().is(Errc::pack_malformed));
    BOOST_TEST(reader->read_encoded(4).error().is(Errc::out_of_range));
}

BOOST_AUTO_TEST_CASE(a_scan_finds_what_the_index_has) {
    const auto contents = small_pack();
    auto opened = MemoryReader<>::open(MemoryFile{contents.pack});
    pack::ScanReport report;
    auto scanned = MemoryReader<>::scan(MemoryFile{contents.pack}, report, {.store = a_store});
    BOOST_REQUIRE((opened && scanned));
    BOOST_TEST((report.has_index && report.has_header && report.damaged.empty()));
    BOOST_TEST(report.records == 4U);
    BOOST_TEST(report.chunks == contents.chunks.size());
    BOOST_REQUIRE(scanned->chunks() == opened->chunks());
    for (std::size_t n = 0; n < opened->chunks(); ++n)
        BOOST_TEST((scanned->chunk(n) == opened->chunk(n)));
    std::size_t good = 0;
    BOOST_TEST(serves_only(*scanned, contents.chunks, &good));
    BOOST_TEST(good == contents.chunks.size());
}

BOOST_AUTO_TEST_CASE(a_scan_saves_what_is_whole) {
    const auto contents = small_pack();
    auto opened = MemoryReader<>::open(MemoryFile{contents.pack});
    BOOST_REQUIRE(opened);
    const auto records = opened->index().records();
    const auto end = load_le<std::uint64_t>(contents.pack.data() + contents.pack.size() - 64);
    for (std::size_t at = 0; at < contents.pack.size(); ++at) {
        auto bent = contents.pack;
        bent[at] ^= std::byte{0x40};
        pack::ScanReport report;
        auto reader = MemoryReader<>::scan(MemoryFile{bent}, report);
        if (!reader) {  // a version or a flag can't be told from a damaged one without its checksum
            BOOST_ERROR("byte " << at);
            continue;
        }
        std::size_t hit = 0;
        for (std::size_t n = 0; n < records.size(); ++n)
            if (at >= records[n].offset && at < records[n].offset + records[n].shape.size(32))
                hit = n + 1;
        BOOST_TEST(report.records == (hit != 0 ? 3U : 4U), "byte " << at);
        BOOST_TEST(report.has_header == (at >= 128), "byte " << at);
        BOOST_TEST(report.has_index == (at < end), "byte " << at);
        const auto lost = hit != 0 ? records[hit - 1].shape.chunks : 0U;
        BOOST_TEST(reader->chunks() == contents.chunks.size() - lost);
        if (hit != 0) {
            const auto& record = records[hit - 1];
            BOOST_REQUIRE(report.damaged.size() == 1);
            BOOST_TEST(
                (report.damaged[0] == pack::DamagedRange{record.offset, record.shape.size(32)}));
        }
        std::size_t good = 0;
        BOOST_TEST(serves_only(*reader, contents.chunks, &good));
        BOOST_TEST(good == reader->chunks());
    }
}

// As a crash leaves it: without an index, and cut off anywhere.
BOOST_AUTO_TEST_CASE(a_scan_takes_up_what_was_cut_off) {
    const auto contents = small_pack();
    auto opened = MemoryReader<>::open(MemoryFile{contents.pack});
    BOOST_REQUIRE(opened);
    const auto records = opened->index().records();
    for (std::size_t size = 0; size < contents.pack.size(); ++size) {
        const Buffer cut(contents.pack.begin(),
                         contents.pack.begin() + static_cast<std::ptrdiff_t>(size));
        std::uint64_t whole = 0;
        for (const auto& record : records) whole += record.offset + record.shape.size(32) <= size;
        pack::ScanReport report;
        auto reader = MemoryReader<>::scan(MemoryFile{cut}, report);
        BOOST_TEST(report.records == whole, size);
        if (whole == 0)
            BOOST_TEST((!reader && reader.error().is(Errc::pack_empty)));
        else
            BOOST_TEST((reader && serves_only(*reader, contents.chunks)));
    }
}

// A scan that must look for the next record, across the edges of what it reads at once.
BOOST_AUTO_TEST_CASE(a_scan_finds_its_way_through_noise) {
    const auto contents = small_pack();
    const auto end = load_le<std::uint64_t>(contents.pack.data() + contents.pack.size() - 64);
    const Buffer records(contents.pack.begin() + 128,
                         contents.pack.begin() + static_cast<std::ptrdiff_t>(end));
    bobbin::testing::detail::Random random{9};
    for (int round = 0; round < 30; ++round) {
        Buffer bytes(contents.pack.begin(), contents.pack.begin() + 128);
        const auto noise = [&](std::size_t size) {
            auto more = some_noise(size, random());
            // Beginnings that are none.
            for (std::size_t n = 0; n + 4 < more.size(); n += 997)
                std::ranges::copy(as_bytes("BPrc"), more.begin() + static_cast<std::ptrdiff_t>(n));
            bytes.insert(bytes.end(), more.begin(), more.end());
        };
        noise((1U << 20) - 140 + static_cast<std::size_t>(random() % 40));
        bytes.insert(bytes.end(), records.begin(), records.end());
        noise(static_cast<std::size_t>(random() % 5000));
        bytes.insert(bytes.end(), records.begin(), records.end());
        pack::ScanReport report;
        auto reader = MemoryReader<>::scan(MemoryFile{bytes}, report);
        BOOST_REQUIRE(reader);
        BOOST_TEST(report.records == 8U);
        BOOST_TEST(reader->chunks() == contents.chunks.size());  // the first copy of each
        std::size_t good = 0;
        BOOST_TEST(serves_only(*reader, contents.chunks, &good));
        BOOST_TEST(good == contents.chunks.size());
    }
}

// ---- a scan, where content has records in it

namespace {

/// A pack of records of one chunk each, stored as they are, back to back as a writer leaves them.
struct Row {
    Buffer bytes;
    std::vector<pack::RecordPlace> places;
    std::vector<pack::Key<Sha256>> keys;

    Row() {
        MemoryWriter<NoCodec> writer{MemorySink{}, {.store = a_store}};
        BOOST_REQUIRE(writer.add(as_bytes("for a header")));
        bytes.assign(writer.sink().bytes->begin(), writer.sink().bytes->begin() + 128);
    }
    void add(ByteView raw) { add(raw, digest_of<Sha256>(raw), crc32c(raw), raw.size()); }
    /// What says of itself what it likes.
    void add(ByteView raw, const pack::Key<Sha256>& key, std::uint32_t crc, std::size_t says) {
        const auto head = head_of(key, crc, says);
        places.push_back({bytes.size(), shape_of(says)});
        keys.push_back(key);
        bytes.insert(bytes.end(), head.begin(), head.end());
        bytes.insert(bytes.end(), raw.begin(), raw.end());
    }

    static pack::RecordShape shape_of(std::size_t size) {
        const auto length = static_cast<std::uint32_t>(size);
        return {length, length, 1, NoCodec::number, 0};
    }
    static Buffer head_of(const pack::Key<Sha256>& key, std::uint32_t crc, std::size_t size) {
        Buffer head(shape_of(size).head_size(32));
        const pack::NewChunk<Sha256> chunk{key, static_cast<std::uint32_t>(size)};
        pack::RecordHead::encode(head, shape_of(size), crc, std::span{&chunk, 1});
        return head;
    }
};

/// Whether a scan finds and serves all records of `row` but `lost`, after `bytes` were bent.
bool finds_all_but(const Buffer& bytes, const Row& row, std::size_t lost) {
    pack::ScanReport report;
    auto reader = MemoryReader<>::scan(MemoryFile{bytes}, report);
    if (!reader) return false;
    for (std::size_t n = 0; n < row.keys.size(); ++n) {
        if (n == lost) continue;
        const auto location = reader->find(row.keys[n]);
        if (!location || !reader->read(*location)) return false;
    }
    // What is lost is told, and nothing but that.
    for (const auto& range : report.damaged)
        if (range.offset < row.places[lost].offset ||
            range.offset + range.size > row.places[lost].offset + row.places[lost].shape.size(32))
            return false;
    return !report.damaged.empty();
}

}  // namespace

// Packs that were saved into a store lie in it as they are, whole and in pieces: a scan that has
// lost its way finds their records, too.
BOOST_AUTO_TEST_CASE(a_saved_pack_hides_no_records) {
    Row inner;
    for (std::uint64_t n = 0; n < 5; ++n) inner.add(some_noise(600, n));
    Row outer;
    outer.add(some_text(100, 1));
    outer.add(inner.bytes);  // whole, and to be followed
    outer.add(some_noise(300, 10));
    for (std::size_t at = 0; at < inner.bytes.size(); at += 250)
        outer.add(
            ByteView{inner.bytes}.subspan(at, std::min<std::size_t>(250, inner.bytes.size() - at)));
    outer.add(some_text(200, 2));
    for (std::size_t n = 0; n < outer.places.size(); ++n)
        for (std::size_t bit = 0; bit < 8 * outer.places[n].shape.head_size(32); ++bit) {
            auto bent = outer.bytes;
            bent[outer.places[n].offset + bit / 8] ^= std::byte{1} << bit % 8;
            BOOST_TEST(finds_all_but(bent, outer, n), "record " << n << ", bit " << bit);
        }
}

// It knows what is going to follow it, and claims to end behind that.
BOOST_AUTO_TEST_CASE(a_record_that_was_made_to_hide_others_hides_none) {
    Row following;
    following.add(some_noise(400, 1));
    following.add(some_noise(500, 2));
    const auto claimed = ByteView{following.bytes}.subspan(128);
    for (const bool is_right : {true, false}) {
        Row row;
        row.add(some_text(100, 3));
        auto content = some_text(200, 4);
        const auto crc = crc32c(claimed) ^ (is_right ? 0U : 1U);
        const auto head = Row::head_of(digest_of<Sha256>(claimed), crc, claimed.size());
        content.insert(content.end(), head.begin(), head.end());
        row.add(content);
        row.add(some_noise(400, 1));
        row.add(some_noise(500, 2));
        row.add(some_text(300, 5));
        row.bytes[row.places[1].offset] ^= std::byte{1};
        BOOST_TEST(finds_all_but(row.bytes, row, 1));
    }
}

// Its checksums fit, and its bytes are not those of its key: the right ones are served.
BOOST_AUTO_TEST_CASE(a_record_that_was_made_to_replace_another_does_not) {
    const auto right = some_noise(400, 1), wrong = some_noise(400, 2);
    Row inner;
    inner.add(wrong, digest_of<Sha256>(right), crc32c(wrong), wrong.size());
    Row row;
    row.add(inner.bytes);
    row.add(right);
    row.bytes[row.places[0].offset + 9] ^= std::byte{1};
    BOOST_TEST(finds_all_but(row.bytes, row, 0));
}

// Each byte could be read again and again for heads that claim all that follows.
BOOST_AUTO_TEST_CASE(a_scan_of_hostile_bytes_ends) {
    struct Counting : MemoryFile {
        std::shared_ptr<std::uint64_t> read = std::make_shared<std::uint64_t>(0);
        Result<std::size_t> read_at(MutableByteView to, std::uint64_t offset) const noexcept {
            *read += to.size();
            return MemoryFile::read_at(to, offset);
        }
    };
    constexpr std::size_t head_size = 60, heads = 20'000;
    for (const bool is_right : {false, true}) {
        Counting file;
        file.bytes = some_noise(1'000'000, 1);
        // From the back, so that each can have the checksum of all that follows.
        std::vector<Buffer> made;
        auto crc = crc32c(file.bytes);
        for (std::size_t n = 0; n < heads; ++n) {
            const auto behind = file.bytes.size() + n * head_size;
            pack::Key<Sha256> key{};
            store_le(key.data(), std::uint64_t{n});
            made.push_back(Row::head_of(key, is_right ? crc : ~crc, behind));
            crc ^= crc32c_shifted(crc32c(made.back()), behind);
        }
        Row row;
        row.bytes.push_back(std::byte{0});  // which ends the row
        for (; !made.empty(); made.pop_back())
            row.bytes.insert(row.bytes.end(), made.back().begin(), made.back().end());
        row.bytes.insert(row.bytes.end(), file.bytes.begin(), file.bytes.end());
        row.add(some_text(100, 2));
        file.bytes = row.bytes;
        pack::ScanReport report;
        const auto reader = pack::PackReader<Counting, Sha256, Known>::scan(file, report);
        BOOST_REQUIRE(reader.has_value());
        BOOST_TEST(reader->contains(row.keys.back()));
        BOOST_TEST(report.records == (is_right ? heads + 1 : 1U));
        BOOST_TEST(*file.read < 20 * file.bytes.size() + (std::uint64_t{100} << 20));
    }
}

BOOST_AUTO_TEST_CASE(records_move_to_another_pack_as_they_are) {
    const auto contents = small_pack();
    auto reader = MemoryReader<>::open(MemoryFile{contents.pack});
    BOOST_REQUIRE(reader);
    MemoryWriter<> writer{MemorySink{}, {.store = a_store}};
    for (std::uint64_t n = 0; n < reader->index().records().size(); ++n) {
        const auto record = reader->read_encoded(n);
        BOOST_REQUIRE(record);
        std::vector<pack::NewChunk<Sha256>> chunks;
        record->head.for_each([&](const pack::ChunkEntry& chunk) {
            auto& added = chunks.emplace_back();
            std::ranges::copy(chunk.key, added.key.begin());
            added.length = chunk.length;
        });
        BOOST_REQUIRE(writer.add_encoded(chunks, record->head.shape().codec, record->stored));
    }
    BOOST_REQUIRE(writer.finish());
    BOOST_TEST((*writer.sink().bytes == contents.pack));
}

BOOST_AUTO_TEST_CASE(on_a_real_file) {
    const auto contents = small_pack();
    const TemporaryDirectory place;
    auto directory = PosixDirectory::open(place.path());
    BOOST_REQUIRE(directory);
    auto file = directory->create(ObjectId{7});
    BOOST_REQUIRE(file);
    BOOST_REQUIRE(pack::append_to(*file)(contents.pack, {}));
    auto again = directory->open(ObjectId{7});
    BOOST_REQUIRE(again);
    auto reader = pack::PackReader<PosixFile, Sha256, Known>::open(std::move(*again));
    BOOST_REQUIRE(reader);
    BOOST_TEST(serves_only(*reader, contents.chunks));
}

BOOST_AUTO_TEST_SUITE_END()

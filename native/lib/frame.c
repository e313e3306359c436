#include "frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocol.h"

/* Small enough that hundreds of idle connections cost nothing, large enough for every request but a plan. */
#define BUFFER_FIRST 512
/* An empty buffer above this gives its memory back: a helper stays small between bursts. */
#define BUFFER_KEEP 4096

static void store_u16(unsigned char *at, uint16_t value)
{
	at[0] = value & 0xff;
	at[1] = value >> 8;
}

static void store_u32(unsigned char *at, uint32_t value)
{
	store_u16(at, value & 0xffff);
	store_u16(at + 2, value >> 16);
}

static uint16_t load_u16(const unsigned char *at)
{
	return (uint16_t)(at[0] | at[1] << 8);
}

static uint32_t load_u32(const unsigned char *at)
{
	return load_u16(at) | (uint32_t)load_u16(at + 2) << 16;
}

int buffer_reserve(struct buffer *buffer, size_t more)
{
	size_t length = buffer_length(buffer);
	size_t wanted, capacity;
	unsigned char *bytes;

	if (buffer->capacity - buffer->end >= more)
		return 0;
	if (__builtin_add_overflow(length, more, &wanted) || wanted > SIZE_MAX / 2) {
		errno = ENOMEM;
		return -1;
	}
	if (buffer->start > 0 && wanted <= buffer->capacity) {
		memmove(buffer->bytes, buffer->bytes + buffer->start, length);
		buffer->start = 0;
		buffer->end = length;
		return 0;
	}
	capacity = buffer->capacity ? buffer->capacity : BUFFER_FIRST;
	while (capacity < wanted)
		capacity *= 2;
	bytes = malloc(capacity);
	if (!bytes) {
		errno = ENOMEM;
		return -1;
	}
	if (length)
		memcpy(bytes, buffer->bytes + buffer->start, length);
	free(buffer->bytes);
	*buffer = (struct buffer){ .bytes = bytes, .end = length, .capacity = capacity };
	return 0;
}

int buffer_put(struct buffer *buffer, const void *bytes, size_t length)
{
	if (!length)
		return 0;
	if (buffer_reserve(buffer, length) < 0)
		return -1;
	memcpy(buffer->bytes + buffer->end, bytes, length);
	buffer->end += length;
	return 0;
}

void buffer_drop(struct buffer *buffer, size_t length)
{
	if (length > buffer_length(buffer))
		length = buffer_length(buffer);
	buffer->start += length;
	if (buffer->start < buffer->end)
		return;
	buffer->start = buffer->end = 0;
	if (buffer->capacity > BUFFER_KEEP)
		buffer_free(buffer);
}

void buffer_free(struct buffer *buffer)
{
	free(buffer->bytes);
	*buffer = (struct buffer){ 0 };
}

void frame_begin(struct frame_writer *writer, struct buffer *buffer, uint16_t type, uint32_t id)
{
	unsigned char header[BERTH_FRAME_HEADER] = { 0 };

	store_u16(header + 4, type);
	store_u32(header + 8, id);
	/* Relative to the data's start: buffer_reserve may move the data to the front. */
	*writer = (struct frame_writer){ .buffer = buffer, .begin = buffer_length(buffer) };
	writer->failed = buffer_put(buffer, header, sizeof(header)) < 0;
}

void frame_put_bytes(struct frame_writer *writer, const void *bytes, size_t length)
{
	if (!writer->failed)
		writer->failed = buffer_put(writer->buffer, bytes, length) < 0;
}

void frame_put_u32(struct frame_writer *writer, uint32_t value)
{
	unsigned char bytes[4];

	store_u32(bytes, value);
	frame_put_bytes(writer, bytes, sizeof(bytes));
}

void frame_put_u64(struct frame_writer *writer, uint64_t value)
{
	frame_put_u32(writer, (uint32_t)value);
	frame_put_u32(writer, (uint32_t)(value >> 32));
}

void frame_put_string(struct frame_writer *writer, const char *text)
{
	size_t length = strlen(text);

	if (length > BERTH_FRAME_MAX) {
		writer->failed = 1;
		return;
	}
	frame_put_u32(writer, (uint32_t)length);
	frame_put_bytes(writer, text, length);
}

int frame_end(struct frame_writer *writer)
{
	struct buffer *buffer = writer->buffer;
	size_t payload;

	if (!writer->failed) {
		payload = buffer_length(buffer) - writer->begin - BERTH_FRAME_HEADER;
		if (payload <= BERTH_FRAME_MAX) {
			store_u32(buffer->bytes + buffer->start + writer->begin, (uint32_t)payload);
			return 0;
		}
	}
	buffer->end = buffer->start + writer->begin;
	errno = ENOMEM;
	return -1;
}

int frame_put(struct buffer *buffer, uint16_t type, uint32_t id, const void *payload, size_t length)
{
	struct frame_writer writer;

	frame_begin(&writer, buffer, type, id);
	frame_put_bytes(&writer, payload, length);
	return frame_end(&writer);
}

int frame_peek(const struct buffer *buffer, struct frame *frame)
{
	const unsigned char *at;
	uint32_t length;

	if (buffer_length(buffer) < BERTH_FRAME_HEADER)
		return 0;
	at = buffer->bytes + buffer->start;
	length = load_u32(at);
	if (length > BERTH_FRAME_MAX || load_u16(at + 6) != 0)
		return -1;
	if (buffer_length(buffer) - BERTH_FRAME_HEADER < length)
		return 0;
	*frame = (struct frame){
		.type = load_u16(at + 4),
		.id = load_u32(at + 8),
		.payload = at + BERTH_FRAME_HEADER,
		.length = length,
	};
	return 1;
}

void frame_done(struct buffer *buffer, const struct frame *frame)
{
	buffer_drop(buffer, BERTH_FRAME_HEADER + (size_t)frame->length);
}

void frame_read(struct frame_reader *reader, const struct frame *frame)
{
	*reader = (struct frame_reader){ .at = frame->payload, .end = frame->payload + frame->length };
}

/* The next `length` bytes of the payload, or NULL. */
static const unsigned char *take(struct frame_reader *reader, size_t length)
{
	const unsigned char *at = reader->at;

	if (reader->failed || (size_t)(reader->end - at) < length) {
		reader->failed = 1;
		return NULL;
	}
	reader->at += length;
	return at;
}

uint32_t frame_get_u32(struct frame_reader *reader)
{
	const unsigned char *at = take(reader, 4);

	return at ? load_u32(at) : 0;
}

uint64_t frame_get_u64(struct frame_reader *reader)
{
	const unsigned char *at = take(reader, 8);

	return at ? load_u32(at) | (uint64_t)load_u32(at + 4) << 32 : 0;
}

void frame_get_string(struct frame_reader *reader, char *out, size_t size)
{
	uint32_t length = frame_get_u32(reader);
	const unsigned char *at;

	if (!size) {
		reader->failed = 1;
		return;
	}
	out[0] = '\0';
	if (length >= size) {
		reader->failed = 1;
		return;
	}
	at = take(reader, length);
	if (!at || memchr(at, '\0', length)) {
		reader->failed = 1;
		return;
	}
	memcpy(out, at, length);
	out[length] = '\0';
}

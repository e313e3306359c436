/* Frames (layout: include/protocol.h): building them in a growing buffer, reading them out of a receive buffer. */
#ifndef BERTH_FRAME_H
#define BERTH_FRAME_H

#include <stddef.h>
#include <stdint.h>

/* A byte queue: data lies at bytes[start .. end). Freed with buffer_free. */
struct buffer {
	unsigned char *bytes;
	size_t start, end, capacity;
};

/* All return 0, or -1 with errno ENOMEM; on failure the buffer is as it was. */
int buffer_reserve(struct buffer *buffer, size_t more);
int buffer_put(struct buffer *buffer, const void *bytes, size_t length);
/* Drops from the front; gives memory back when a large buffer has run empty. */
void buffer_drop(struct buffer *buffer, size_t length);
void buffer_free(struct buffer *buffer);
static inline size_t buffer_length(const struct buffer *buffer) { return buffer->end - buffer->start; }

struct frame {
	uint16_t type;
	uint32_t id;
	const unsigned char *payload;
	uint32_t length;
};

/* Starts a frame, then put_* its payload, then ends it; or all at once. Errors are sticky until frame_end, which
 * returns 0, or -1 with the buffer as it was before frame_begin. */
struct frame_writer {
	struct buffer *buffer;
	size_t begin;
	int failed;
};
void frame_begin(struct frame_writer *writer, struct buffer *buffer, uint16_t type, uint32_t id);
void frame_put_u32(struct frame_writer *writer, uint32_t value);
void frame_put_u64(struct frame_writer *writer, uint64_t value);
void frame_put_string(struct frame_writer *writer, const char *text);
void frame_put_bytes(struct frame_writer *writer, const void *bytes, size_t length);
int frame_end(struct frame_writer *writer);
int frame_put(struct buffer *buffer, uint16_t type, uint32_t id, const void *payload, size_t length);

/* 1: *frame is the first whole one in the buffer (drop it with frame_done); 0: more bytes are needed; -1: too long. */
int frame_peek(const struct buffer *buffer, struct frame *frame);
void frame_done(struct buffer *buffer, const struct frame *frame);

/* Reading a payload. A short one sets ->failed and gives 0 / "". frame_get_string points into scratch memory of `reader`'s
 * payload and is NUL-terminated only if `out` has room; it fails on strings of `size` bytes or more. */
struct frame_reader {
	const unsigned char *at, *end;
	int failed;
};
void frame_read(struct frame_reader *reader, const struct frame *frame);
uint32_t frame_get_u32(struct frame_reader *reader);
uint64_t frame_get_u64(struct frame_reader *reader);
void frame_get_string(struct frame_reader *reader, char *out, size_t size);

#endif

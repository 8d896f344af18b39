//! Pictures: values with pixels, read and written in the usual formats.

use std::io::Cursor;
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat, ImageReader, Rgb, RgbImage, RgbaImage};

use super::Cx;
use super::access::{ReadPath, WritePath};
use super::args::{Number, Whole};
use super::disk::{read_all, write_all};
use super::handles::{Kept, New, Res};
use super::library_args::Options;
use crate::error::{Error, Kind, Result};
use crate::objects::dict::Dict;
use crate::objects::resource::{Resource, ResourceBody};
use crate::value::Value;

natives! {
    module "images";

    /// Reads a PNG, JPEG, GIF, BMP or WebP picture.
    ///
    ///     print(assert_throws(func() { load_image("no/such") }).kind)   # expect: IoError
    fn load_image(path: ReadPath<'_>) -> "image" [Other, "fs-read"; cx];
}

methods! {
    static METHODS of [Resource] as "image";

    /// Another size; with mode "fit" inside the box.
    ///
    ///     print(type(load_image))   # expect: function
    fn resize(picture: Res<'_, Picture>, width: Whole, height: Whole, mode: Option<&str>)
        -> "image" [cx];

    /// A rectangle of the picture.
    ///
    ///     print(type(load_image))   # expect: function
    fn crop(picture: Res<'_, Picture>, x: Whole, y: Whole, width: Whole, height: Whole)
        -> "image" [cx];

    /// Turned clockwise by 90, 180 or 270 degrees.
    ///
    ///     print(type(load_image))   # expect: function
    fn rotate(picture: Res<'_, Picture>, degrees: i64) -> "image" [cx];

    /// Mirrored, "horizontal" or "vertical".
    ///
    ///     print(type(load_image))   # expect: function
    fn flip(picture: Res<'_, Picture>, direction: &str) -> "image" [cx];

    /// Grey levels.
    ///
    ///     print(type(load_image))   # expect: function
    fn to_grayscale(picture: Res<'_, Picture>) -> "image" [];

    /// Blurred by a Gaussian.
    ///
    ///     print(type(load_image))   # expect: function
    fn blur(picture: Res<'_, Picture>, sigma: Number) -> "image" [cx];

    /// Every channel times a factor.
    ///
    ///     print(type(load_image))   # expect: function
    fn adjust_brightness(picture: Res<'_, Picture>, factor: Number) -> "image" [cx];

    /// Every channel's distance from the middle times a factor.
    ///
    ///     print(type(load_image))   # expect: function
    fn adjust_contrast(picture: Res<'_, Picture>, factor: Number) -> "image" [cx];

    /// Writes the picture in the format of the extension.
    ///
    ///     print(type(load_image))   # expect: function
    fn save(picture: Res<'_, Picture>, path: WritePath<'_>, options: Option<&Dict>)
        -> "bool" [cx; "fs-write"];
}

/// Pixels of a picture.
const MAX_PIXELS: u64 = 100_000_000;
/// From here on a blur is made of box blurs, whose time does not grow with sigma.
const FAST_SIGMA: f32 = 12.0;

struct Picture {
    pixels: DynamicImage,
    format: String,
}

impl ResourceBody for Picture {
    fn type_name(&self) -> &'static str {
        "image"
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "width" => Some(Value::int(i64::from(self.pixels.width()))),
            "height" => Some(Value::int(i64::from(self.pixels.height()))),
            "format" => Some(Value::str(&self.format)),
            _ => None,
        }
    }

    fn is_equal(&self, other: &Resource) -> bool {
        other.downcast::<Picture>().is_some_and(|other| self.pixels == other.pixels)
    }
}

impl Kept for Picture {
    const WORD: &'static str = "image";
    const STAYS_OPEN: bool = false;
}

impl Picture {
    fn with(&self, pixels: DynamicImage) -> Result<New<Picture>> {
        Ok(New(Picture { pixels, format: self.format.clone() }))
    }
}

#[cold]
fn too_large(cx: &Cx<'_>) -> Error {
    cx.failure(Kind::ValueError, format!("more than {MAX_PIXELS} pixels"))
}

fn extension(path: &Path) -> Option<String> {
    path.extension().map(|ext| ext.to_string_lossy().to_lowercase())
}

fn load_image(cx: &mut Cx<'_>, path: ReadPath<'_>) -> Result<New<Picture>> {
    let path = cx.path("path", path)?;
    let data = read_all(cx, path)?;
    let unreadable = |what: &dyn std::fmt::Display| {
        cx.failure(Kind::ParseError, format!("'{}': {what}", path.display()))
    };
    let format = image::guess_format(&data).map_err(|e| unreadable(&e))?;
    let reader = |data| {
        let mut reader = ImageReader::with_format(Cursor::new(data), format);
        reader.no_limits();
        reader
    };
    let (width, height) = reader(&data).into_dimensions().map_err(|e| unreadable(&e))?;
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(too_large(cx));
    }
    let pixels = reader(&data).decode().map_err(|e| unreadable(&e))?;
    let detected = || format.extensions_str().first().unwrap_or(&"").to_string();
    Ok(New(Picture { pixels, format: extension(path).unwrap_or_else(detected) }))
}

/// A side of a picture.
fn side(cx: &Cx<'_>, param: &str, size: Whole) -> Result<u32> {
    if size.0 < 1 {
        return Err(cx.bad_value(param, ">= 1", size.0));
    }
    u32::try_from(size.0).map_err(|_| too_large(cx))
}

fn resize(
    cx: &mut Cx<'_>,
    picture: Res<'_, Picture>,
    width: Whole,
    height: Whole,
    mode: Option<&str>,
) -> Result<New<Picture>> {
    let (width, height) = (side(cx, "width", width)?, side(cx, "height", height)?);
    let pixels = &picture.pixels;
    let (w, h) = match mode.unwrap_or("exact") {
        "exact" => (width, height),
        "fit" => {
            let scale = (f64::from(width) / f64::from(pixels.width()))
                .min(f64::from(height) / f64::from(pixels.height()));
            let scaled = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
            (scaled(pixels.width()).min(width), scaled(pixels.height()).min(height))
        }
        other => return Err(cx.bad_value("mode", "\"exact\" or \"fit\"", other)),
    };
    if u64::from(w) * u64::from(h) > MAX_PIXELS {
        return Err(too_large(cx));
    }
    picture.with(pixels.resize_exact(w, h, FilterType::Lanczos3))
}

fn crop(
    cx: &mut Cx<'_>,
    picture: Res<'_, Picture>,
    x: Whole,
    y: Whole,
    width: Whole,
    height: Whole,
) -> Result<New<Picture>> {
    let clip = |at: i64, size: i64, whole: u32| {
        let start = at.clamp(0, i64::from(whole));
        let end = at.saturating_add(size.max(0)).clamp(start, i64::from(whole));
        (start as u32, (end - start) as u32)
    };
    let (x, width) = clip(x.0, width.0, picture.pixels.width());
    let (y, height) = clip(y.0, height.0, picture.pixels.height());
    if width == 0 || height == 0 {
        return Err(cx.failure(Kind::ValueError, "the rectangle lies outside of the image"));
    }
    picture.with(picture.pixels.crop_imm(x, y, width, height))
}

fn rotate(cx: &mut Cx<'_>, picture: Res<'_, Picture>, degrees: i64) -> Result<New<Picture>> {
    let turned = match degrees {
        90 => picture.pixels.rotate90(),
        180 => picture.pixels.rotate180(),
        270 => picture.pixels.rotate270(),
        _ => return Err(cx.bad_value("degrees", "90, 180 or 270", degrees)),
    };
    picture.with(turned)
}

fn flip(cx: &mut Cx<'_>, picture: Res<'_, Picture>, direction: &str) -> Result<New<Picture>> {
    let mirrored = match direction {
        "horizontal" => picture.pixels.fliph(),
        "vertical" => picture.pixels.flipv(),
        _ => return Err(cx.bad_value("direction", "\"horizontal\" or \"vertical\"", direction)),
    };
    picture.with(mirrored)
}

fn to_grayscale(picture: Res<'_, Picture>) -> Result<New<Picture>> {
    picture.with(picture.pixels.grayscale())
}

fn blur(cx: &mut Cx<'_>, picture: Res<'_, Picture>, sigma: Number) -> Result<New<Picture>> {
    let wanted = sigma.to_f64();
    if wanted.is_nan() || wanted <= 0.0 {
        return Err(cx.bad_value("sigma", "> 0", sigma));
    }
    let pixels = &picture.pixels;
    // A wider blur than the picture changes nothing more.
    let sigma = wanted.min(f64::from(pixels.width().max(pixels.height()))) as f32;
    let is_wide = sigma > FAST_SIGMA;
    picture.with(if is_wide { pixels.fast_blur(sigma) } else { pixels.blur(sigma.max(0.01)) })
}

/// Applies a function to every colour channel.
fn each_channel(picture: &Picture, f: impl Fn(f64) -> f64) -> Result<New<Picture>> {
    let table: Vec<u8> =
        (0..=255u8).map(|v| f(f64::from(v)).round().clamp(0.0, 255.0) as u8).collect();
    let mut pixels: RgbaImage = picture.pixels.to_rgba8();
    for pixel in pixels.pixels_mut() {
        for channel in &mut pixel.0[..3] {
            *channel = table[*channel as usize];
        }
    }
    picture.with(DynamicImage::ImageRgba8(pixels))
}

fn checked_factor(cx: &Cx<'_>, factor: Number) -> Result<f64> {
    let value = factor.to_f64();
    if value.is_nan() || value < 0.0 {
        return Err(cx.bad_value("factor", ">= 0", factor));
    }
    // An infinite factor times 0 would be no number.
    Ok(value.min(1e9))
}

fn adjust_brightness(
    cx: &mut Cx<'_>,
    picture: Res<'_, Picture>,
    factor: Number,
) -> Result<New<Picture>> {
    let factor = checked_factor(cx, factor)?;
    each_channel(&picture, |channel| channel * factor)
}

fn adjust_contrast(
    cx: &mut Cx<'_>,
    picture: Res<'_, Picture>,
    factor: Number,
) -> Result<New<Picture>> {
    let factor = checked_factor(cx, factor)?;
    each_channel(&picture, |channel| (channel - 128.0) * factor + 128.0)
}

/// The picture on white.
fn without_alpha(pixels: &DynamicImage) -> RgbImage {
    if !pixels.color().has_alpha() {
        return pixels.to_rgb8();
    }
    let source = pixels.to_rgba8();
    RgbImage::from_fn(source.width(), source.height(), |x, y| {
        let [r, g, b, a] = source.get_pixel(x, y).0.map(u32::from);
        Rgb([r, g, b].map(|channel| ((channel * a + 255 * (255 - a) + 127) / 255) as u8))
    })
}

fn save(
    cx: &mut Cx<'_>,
    picture: Res<'_, Picture>,
    path: WritePath<'_>,
    options: Option<&Dict>,
) -> Result<bool> {
    let options = Options::new(cx, "options", options, &["quality"])?;
    let quality = options.whole(cx, "quality", 1)?.unwrap_or(85);
    if quality > 100 {
        return Err(options.bad_value(cx, "quality", "1 to 100"));
    }
    let path = cx.path("path", path)?;
    let format = match extension(path).as_deref() {
        Some("png") => ImageFormat::Png,
        Some("jpg" | "jpeg") => ImageFormat::Jpeg,
        Some("gif") => ImageFormat::Gif,
        Some("bmp") => ImageFormat::Bmp,
        Some("webp") => ImageFormat::WebP,
        _ => {
            let condition = "a path that ends in .png, .jpg, .jpeg, .gif, .bmp or .webp";
            return Err(cx.bad_value("path", condition, &*path.to_string_lossy()));
        }
    };
    let mut data = Cursor::new(Vec::new());
    let encoded = match format {
        ImageFormat::Jpeg => {
            let encoder = JpegEncoder::new_with_quality(&mut data, quality as u8);
            without_alpha(&picture.pixels).write_with_encoder(encoder)
        }
        ImageFormat::Png => picture.pixels.write_to(&mut data, format),
        _ => DynamicImage::ImageRgba8(picture.pixels.to_rgba8()).write_to(&mut data, format),
    };
    encoded.map_err(|error| cx.failure(Kind::IoError, format!("'{}': {error}", path.display())))?;
    write_all(cx, path, data.get_ref(), true)?;
    Ok(true)
}

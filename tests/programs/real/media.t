#!/bin/bash
# media.t: ImageMagick (with OpenMP) and ffmpeg (with its many threads) on generated pictures, film and sound.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/common.sh"

pictures() { # the formats written are those without a date inside
	run convert -seed 5 -size 900x700 plasma:red-blue start.ppm &&
		run convert start.ppm -resize 160% -rotate 17 -blur 0x3 -unsharp 0x2 -depth 8 turned.ppm &&
		run convert start.ppm -colorspace Lab -despeckle -equalize -quantize RGB -colors 64 +dither -depth 8 few.ppm &&
		run convert start.ppm \( +clone -edge 2 -negate \) -compose multiply -composite -depth 8 multiplied.ppm &&
		run convert start.ppm -distort Arc 90 -swirl 60 -wave 8x90 -depth 8 bent.ppm &&
		run convert start.ppm -quality 85 start.jpg && run convert start.jpg -depth 8 back.ppm &&
		run convert start.ppm -define png:exclude-chunks=date,time start.png && run convert start.png -strip start.webp &&
		run convert -delay 10 start.ppm few.ppm turned.ppm -resize 200x200! -layers optimize film.gif &&
		run convert film.gif -coalesce +append -depth 8 strip.ppm &&
		run montage start.ppm few.ppm bent.ppm -geometry 150x150+4+4 -tile 2x2 -depth 8 sheet.ppm &&
		run compare -metric AE start.ppm back.ppm difference.ppm 2>&1
	[ $? -le 1 ] && echo && digest ./*.ppm start.jpg start.png start.webp film.gif
}
need 'imagemagick: filters, formats, layers' convert montage &&
	twice 'imagemagick: filters, formats, layers' pictures

film() {
	quiet=(-hide_banner -loglevel error -nostdin -y)
	run ffmpeg "${quiet[@]}" -f lavfi -i testsrc2=size=640x360:rate=25:duration=3 -f lavfi -i sine=frequency=330:duration=3 \
		-c:v libx264 -preset fast -threads 4 -c:a aac -fflags +bitexact -flags:v +bitexact -flags:a +bitexact film.mp4 &&
		run ffmpeg "${quiet[@]}" -threads 4 -i film.mp4 -f framemd5 - | sha256sum &&
		run ffmpeg "${quiet[@]}" -threads 4 -i film.mp4 -filter_complex \
			'[0:v]split[a][b];[a]scale=320:180,hflip[l];[b]scale=320:180,edgedetect,format=yuv420p[r];[l][r]hstack,drawgrid=w=40' \
			-c:v mpeg2video -qscale:v 4 -c:a flac -fflags +bitexact -flags:v +bitexact -flags:a +bitexact out.mkv &&
		run ffmpeg "${quiet[@]}" -i out.mkv -vf fps=5,palettegen palette.png &&
		run ffmpeg "${quiet[@]}" -i out.mkv -i palette.png -lavfi 'fps=5[f];[f][1:v]paletteuse' -fflags +bitexact out.gif &&
		run ffmpeg "${quiet[@]}" -i out.mkv -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -threads 2 -frames:v 25 -an \
			-fflags +bitexact -flags:v +bitexact out.webm &&
		digest film.mp4 out.mkv palette.png out.gif out.webm
}
need 'ffmpeg: encode, filter, transcode' ffmpeg &&
	twice 'ffmpeg: encode, filter, transcode' film

done_testing
